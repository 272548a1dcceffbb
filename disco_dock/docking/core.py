"""Core-constrained docking: the substructure that a ligand shares with a known pose stays where that has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from disco_dock.chem.common_core import core_matches
from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligands.read_poses import read_poses
from disco_dock.docking.start_pose import Starts, read_starts
from disco_dock.physics.core_hold import CoreHold
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.notes import Caution

CORE_NOISE = 0.3
"""Diffusion time that starts on a core are noised to; some 0.5 Angstrom."""


def read_core(path: Path, ligand: Ligand, *, tolerance: float, seed: int) -> tuple[CoreHold, Starts]:
    """The core that a ligand shares with the first pose of a file, and poses of the ligand that start on it.

    Args:
        path: SDF, MOL2 or PDBQT file, or a complex as PDB or mmCIF, in the receptor's frame.
        ligand: of L heavy atoms.
        tolerance: Angstrom of RMSD that the core may be off.
        seed: of the conformers.

    Raises:
        InputError: the file cannot be read, or the molecules share too little.
    """
    poses, failures = read_poses([path])
    if not poses:
        reason = failures[0].message if failures else "it holds no pose"
        raise InputError(f"{path}: {reason}")
    known = poses[0].ligand.mol
    ways = core_matches(ligand.mol, known, what="reference of the core")
    there = [other for _, other in ways[0]]
    where = f"the pose of {poses[0].ligand.name} in {path}"
    note = f"{len(there)} heavy atoms are held within {tolerance:g} Angstrom of {where}"
    hold = CoreHold(
        ways=np.array([[own for own, _ in way] for way in ways]),
        pos=np.array(known.GetConformer().GetPositions(), dtype=np.float64)[there],
        tolerance=tolerance,
        note=note,
    )
    return hold, read_starts(path, ligand, seed=seed)


def core_notes(core: CoreHold | None, rmsd: np.ndarray | None) -> list[str]:
    """What is held, and a warning where poses have left it, one sentence each.

    Args:
        core: of the run, or None.
        rmsd: (poses,) Angstrom of each pose's core from its place.
    """
    if core is None or rmsd is None:
        return []
    lost = int((rmsd > core.tolerance).sum())
    if not lost:
        return [core.note]
    where = f"{lost} of {len(rmsd)} poses have their core farther than {core.tolerance:g} Angstrom from its place"
    remedy = "there may be no room for the ligand there; look at core_rmsd, or raise --core-tolerance"
    return [core.note, Caution(f"{where}, and rank last; {remedy}")]
