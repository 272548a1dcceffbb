"""A score for a SMILES string in one call, in the manner of dockstring."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rdkit import Chem

from disco_dock.api.dock import shared_engine
from disco_dock.api.docker import Docker
from disco_dock.api.result import Result
from disco_dock.docking.settings import PocketHint
from disco_dock.physics.settings import PhysicsChoice


class DockedSmiles(NamedTuple):
    """What docking a SMILES gave; `score, details = dock_smiles(...)` takes it apart.

    Attributes:
        score: Vina energy of the first-ranked pose, kcal/mol; lower is better. It is not an affinity.
        details: "ligand", an RDKit molecule with a conformer for each pose, best first; "scores", the energy of each,
            also under dockstring's name "affinities"; "result", everything else as a `Result`.
    """

    score: float
    details: dict[str, Any]


def dock_smiles(
    smiles: str,
    protein: str | Path,
    pocket: PocketHint | None = None,
    *,
    checkpoint: str | Path | None = None,
    device: str = "auto",
    **settings: Any,
) -> DockedSmiles:
    """Dock a SMILES string; networks are loaded once for all calls.

    Args:
        smiles: the ligand.
        protein: PDB or mmCIF file, also gzipped.
        pocket: where to dock, such as `PocketHint(center=(1, 2, 3))`; None searches the whole protein.
        checkpoint: folder of a checkpoint; None for the one that comes with the package.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        settings: further fields of `PredictSettings`, such as `num_poses=10` or `seed=1`.

    Raises:
        TypeError: there is no such setting.
        DiscoError: with one sentence on what is wrong and what to do.
    """
    engine = shared_engine(None if checkpoint is None else Path(checkpoint).resolve(), device)
    settings = {"physics": PhysicsChoice(score=True), "check_poses": 0, **settings}
    result = Docker(engine).dock(protein, smiles, pocket=pocket, **settings)
    scores = [row["vina_score"] for row in result.prediction.table]
    ligand = _with_conformers(result)
    return DockedSmiles(scores[0], {"ligand": ligand, "scores": scores, "affinities": scores, "result": result})


def _with_conformers(result: Result) -> Chem.Mol:
    """The first pose's molecule with a conformer for each pose."""
    mol = Chem.Mol(result.mols[0])
    mol.RemoveAllConformers()
    for pose in result.mols:
        conformer = Chem.Conformer(mol.GetNumAtoms())
        conformer.Set3D(True)
        conformer.SetPositions(np.ascontiguousarray(pose.GetConformer().GetPositions()))
        mol.AddConformer(conformer, assignId=True)
    return mol
