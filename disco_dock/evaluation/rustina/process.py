"""Code that runs in the process of the Rustina baseline; the main process imports none of it."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
from rdkit import Chem, rdBase

from disco_dock.evaluation.vina.process import ligand_pdbqt

RUNS = 16  # Monte-Carlo runs of its default search, which takes no fewer
APART = 1.5  # Angstrom between the poses that it keeps, its default
SHARE = 0.25  # of the energy in its fused score, by its documentation
FLOOR = 1e-6  # of the network's probability in a logit; poses that the network did not see have 0
PREPARE_WALL_SECONDS = 1200.0


class RustinaPoses(NamedTuple):
    """Poses with polar hydrogens, best first, their fused scores, and the processor time of maps, search and network.

    The score is Rustina's, logit(p) - 0.25 (E - median E) / max(IQR E, 1 kcal/mol), over the poses that are returned.
    """

    poses: list[Chem.Mol]
    scores: list[float]
    cpu_seconds: float


def prepare_receptor(pdb: str, center: list[float], size: list[float]) -> str:
    """PDBQT of the receptor near a box, by Rustina's own preparation with Meeko; no group of the file is left out.

    Raises:
        RuntimeError: Meeko cannot prepare it.
    """
    import rustina

    (x, y, z), (a, b, c) = center, size
    options: dict[str, Any] = {"additives": frozenset(), "timeout": PREPARE_WALL_SECONDS}
    return rustina.prepare_receptor(pdb, (x, y, z), (a, b, c), **options)["pdbqt"]


def dock(
    receptor: str,
    ligand: Chem.Mol,
    center: list[float],
    size: list[float],
    num_poses: int,
    seed: int,
    cpu_seconds: float | None,
) -> RustinaPoses:
    """Dock on one core: its default search, and then as many further runs as the rest of the budget holds.

    Args:
        receptor: PDBQT text.
        ligand: molecule with hydrogens and a conformer.
        center: of the box, Angstrom.
        size: edges of the box, Angstrom.
        num_poses: to return.
        seed: of Rustina.
        cpu_seconds: budget of maps, search and network together; None for the program's defaults alone.
    """
    with rdBase.BlockLogs():
        begin = time.process_time()
        text = ligand_pdbqt(ligand)
        box = (*center, *size)
        found = _docked(receptor, text, box, seed + 1, RUNS, None if cpu_seconds is None else num_poses)
        first = time.process_time() - begin
        chosen = list(range(len(found)))
        more = 0 if cpu_seconds is None else int((cpu_seconds - first) // max(first, 1e-3)) * RUNS
        if more > 0:
            found += _docked(receptor, text, box, seed + 2, more, num_poses)
        scores, mols = fused(found), [_molecule(one["pdbqt"]) for one in found]
        if more > 0:
            chosen = _distinct(mols, scores)[:num_poses]
        used = time.process_time() - begin
    return RustinaPoses([mols[one] for one in chosen], [float(scores[one]) for one in chosen], used)


def _docked(
    receptor: str, ligand: str, box: tuple[float, ...], seed: int, runs: int, num_poses: int | None
) -> list[dict[str, Any]]:
    """What one docking returns; with a number of poses, as many as that where it finds them."""
    import rustina

    wanted = {} if num_poses is None else {"num_modes": num_poses, "pose_pool_size": max(num_poses, 10)}
    found = rustina.dock(receptor, ligand, *box, runs=runs, seed=seed, threads=1, **wanted)
    return [dict(one) for one in found]


def fused(poses: list[dict[str, Any]]) -> np.ndarray:
    """(poses,) the score by which Rustina ranks, from each pose's `cnn_score` and `affinity`."""
    near = np.clip([one["cnn_score"] for one in poses], FLOOR, 1 - FLOOR)
    energy = np.array([one["affinity"] for one in poses], dtype=np.float64)
    low, middle, high = np.percentile(energy, [25, 50, 75])
    return np.log(near / (1 - near)) - SHARE * (energy - middle) / max(high - low, 1.0)


def _molecule(pdbqt: str) -> Chem.Mol:
    from meeko import PDBQTMolecule, RDKitMolCreate

    (mol, *_) = RDKitMolCreate.from_pdbqt_mol(PDBQTMolecule(pdbqt, skip_typing=True))
    return mol


def _distinct(mols: list[Chem.Mol], scores: np.ndarray) -> list[int]:
    """Poses from the best on without those near a better one: the two dockings may find the same minimum."""
    kept: list[int] = []
    pos = [mol.GetConformer().GetPositions() for mol in mols]
    for one in np.argsort(-scores, kind="stable").tolist():
        if all(np.sqrt(((pos[one] - pos[other]) ** 2).sum(1).mean()) >= APART for other in kept):
            kept.append(one)
    return kept
