"""Symmetry-corrected RMSD of training poses."""

from __future__ import annotations

import torch
from torch import Tensor

from disco_dock.chem.symmetry import Automorphisms, automorphisms, symmetric_rmsd
from disco_dock.data.example import TrainingExample
from disco_dock.graph.molecule import skeleton

MAX_MATCHES = 1000
"""Symmetries that are tried; of a ligand with more, which is rare, the RMSD is an upper bound."""


class PoseErrors:
    """RMSDs of poses from the crystal pose; the symmetries of a ligand are found once. Pickles without them."""

    def __init__(self) -> None:
        self._known: dict[str, Automorphisms] = {}

    def __getstate__(self) -> dict:
        return {"_known": {}}

    def __call__(self, example: TrainingExample, pos: Tensor) -> Tensor:
        """(poses,) float32 RMSD in Angstrom of poses (poses, atoms, 3), without superposition."""
        mol = skeleton(example.graph)
        if example.name not in self._known:
            self._known[example.name] = automorphisms(mol, max_matches=MAX_MATCHES)
        crystal = example.pos_crystal.double().numpy()
        rmsd = symmetric_rmsd(mol, pos.double().numpy(), crystal, symmetry=self._known[example.name])
        return torch.from_numpy(rmsd).float()
