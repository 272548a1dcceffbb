"""The poses that partial diffusion starts from: given ones of the ligand, or of a molecule with the same core."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from disco_dock.chem.common_core import core_matches, laid_over
from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligands.read_poses import read_poses
from disco_dock.chem.stereo import stereo_kept_each
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.random import derive_seed
from disco_dock.sampling.initial import StartPoses

START_NOISE = 0.5
"""Diffusion time that a start pose is noised to; docs/docking.md has the measurement."""
CORE_STARTS = 8
"""Conformers that are laid over the pose of another molecule."""


class Starts(NamedTuple):
    """Start poses (starts, L, 3) in the receptor's frame, Angstrom, and what they are in one sentence."""

    pos: np.ndarray
    note: str

    def in_graph(self, origin: np.ndarray, noise: float | None) -> StartPoses:
        """The same in the frame of a graph with this origin, to be noised to a time, or to the usual one for None."""
        pos = torch.from_numpy(self.pos - origin).float()
        return StartPoses(pos=pos, t=START_NOISE if noise is None else noise)


def read_starts(path: Path, ligand: Ligand, *, seed: int) -> Starts:
    """The start poses of a ligand in a file of poses in the receptor's frame.

    Of poses of the ligand itself all are taken. Else the first molecule's first pose counts: conformers of the ligand
    are laid over the core that both share.

    Args:
        path: SDF, MOL2 or PDBQT file, or a complex as PDB or mmCIF.
        ligand: of L heavy atoms.
        seed: of the conformers.

    Raises:
        InputError: the file cannot be read, its poses have another stereo configuration, or share too little.
    """
    try:
        own, others = read_poses([path], ligand=ligand)[0], None
    except InputError:
        own, others = None, read_poses([path])[0]  # which tells what is wrong with the file
    if own:
        pos = own[0].pos[stereo_kept_each(ligand.mol, own[0].pos)]
        if not len(pos):
            raise InputError(f"{path}: its poses have another stereo configuration than the ligand, {ligand.smiles}")
        return Starts(pos, f"poses start from {f'{len(pos)} poses' if len(pos) > 1 else 'the pose'} in {path}")
    assert others is not None
    known = others[0].ligand
    matches = core_matches(ligand.mol, known.mol)
    made = [
        laid_over(ligand.mol, known.mol, matches[k % len(matches)], seed=derive_seed("start", seed, ligand.smiles, k))
        for k in range(CORE_STARTS)
    ]
    note = (
        f"poses start from conformers laid over the pose of {known.name} in {path}, with which the ligand shares "
        f"{len(matches[0])} heavy atoms (within {max(rmsd for _, rmsd in made):.2f} Angstrom)"
    )
    return Starts(np.stack([pos for pos, _ in made]), note)
