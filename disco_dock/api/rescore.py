"""Rescoring poses of other programs from Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rdkit import Chem

from disco_dock.api.dock import shared_engine
from disco_dock.api.result import Result
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.ligands.read_poses import poses_of_mols, read_poses
from disco_dock.docking.rescore import RescoreSettings
from disco_dock.docking.runs.rescore import Rescoring
from disco_dock.runtime.errors import InputError

PosesGiven = str | Path | Chem.Mol | Sequence[str | Path | Chem.Mol]


def rescore(
    protein: str | Path,
    poses: PosesGiven,
    *,
    ligand: str | Path | None = None,
    group: str = "",
    minimize: Literal["none", "vina", "mmff"] = "none",
    search_moves: int = 0,
    rank_by: str | None = None,
    seed: int = 0,
    chains: Sequence[str] | None = None,
    check_poses: int | None = None,
    reference: str | Path | None = None,
    checkpoint: str | Path | None = None,
) -> Result:
    """Poses of one molecule that another program gave, scored, checked and ranked as `disco-dock rescore` does.

    Args:
        protein: PDB or mmCIF file, also gzipped.
        poses: in the protein's frame: files (SDF, MOL2, PDBQT, or PDB and mmCIF of a complex), or RDKit molecules, with
            a pose in every conformer.
        ligand: file or SMILES of the molecule: bond orders for formats without them, and the stereo to compare with.
        group: residue name of the ligand in a complex.
        minimize: "vina" or "mmff" moves each pose to the nearest minimum first.
        search_moves: Monte-Carlo steps around each pose with "vina".
        rank_by: "contacts", "vina", or with the extra `cnn` "cnn" and "fused"; None for contacts where the checkpoint
            has them.
        seed: of these steps.
        chains: receptor chains to keep; None for all.
        check_poses: best-ranked poses that PoseBusters checks; None for all if it is installed.
        reference: file with a known pose of the ligand that the poses are compared with.
        checkpoint: folder of the contact score's checkpoint; None for the one that comes with the package.

    Returns:
        A `Result`. In its table `sample` is a pose's place among those given, from 0, and the last columns are what the
        poses' files say: where a pose stood (`given_as`), and its SD tags.

    Raises:
        InputError: a file cannot be read, a record is no pose, or the poses are of several molecules.
        ConfigError: settings contradict each other.
    """
    settings = RescoreSettings(
        minimize=minimize,
        search_moves=search_moves,
        rank_by=rank_by,
        seed=seed,
        chains=None if chains is None else tuple(chains),
        check_poses=check_poses,
        reference=None if reference is None else Path(reference),
    )
    molecule = None if ligand is None else read_ligand(str(ligand))
    several = [poses] if isinstance(poses, (str, Path, Chem.Mol)) else list(poses)
    mols = [one for one in several if isinstance(one, Chem.Mol)]
    files = [Path(one) for one in several if not isinstance(one, Chem.Mol)]
    if mols and files:
        raise InputError("poses are either files or molecules, not both; call rescore for each")
    found, failures = poses_of_mols(mols, ligand=molecule) if mols else read_poses(files, ligand=molecule, group=group)
    if failures:
        raise InputError(failures[0].message)
    if len(found) > 1:
        names = ", ".join(one.ligand.name for one in found[:4])
        raise InputError(f"the poses are of {len(found)} molecules ({names}); rescore one at a time")
    engine = shared_engine(None if checkpoint is None else Path(checkpoint).resolve(), "cpu")
    done = Rescoring(engine, settings, Path(protein), files).rescore(found[0])
    return Result(done.prediction, done.record)
