"""The heavy atoms of a receptor, for networks that read them, of one complex and of a padded batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from disco_dock.chem.receptor import Receptor
from disco_dock.chem.receptor_atom_features import heavy_atom_features
from disco_dock.graph.kd_order import first_neighbours
from disco_dock.graph.padding import counted_mask, pad
from disco_dock.runtime.errors import ConfigError, InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class AtomGraphConfig:
    """Edges between receptor atoms; the defaults are the published ones.

    Attributes:
        radius: Angstrom.
        neighbours: at most so many edges leave an atom (and one more where the search does not find itself first).
    """

    radius: float = 5.0
    neighbours: int = 8

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.radius <= 0 or self.neighbours < 1:
            raise ConfigError(
                f"atom_graph needs a positive radius and at least 1 neighbour, got {self.radius} and {self.neighbours}"
            )


class ReceptorAtoms(NamedTuple):
    """Heavy atoms of one receptor, positions in the graph's frame.

    Attributes:
        features: (atoms, 4) int64, categorical columns of `chem.receptor_atom_features`.
        pos: (atoms, 3) float32, Angstrom.
        residue: (atoms,) int64 residue of each atom.
        neighbour: (atoms, slots) int64 atoms that each atom sends messages to.
        neighbour_mask: (atoms, slots) bool.
    """

    features: Tensor
    pos: Tensor
    residue: Tensor
    neighbour: Tensor
    neighbour_mask: Tensor


class ReceptorAtomBatch(NamedTuple):
    """Heavy atoms of a batch of receptors, padded; every tensor has the batch as its first dimension.

    Attributes:
        features: (batch, atoms, 4) int64.
        pos: (batch, atoms, 3) float32, Angstrom.
        mask: (batch, atoms) bool.
        neighbour: (batch, atoms, slots) int64 atoms that each atom sends messages to.
        neighbour_mask: (batch, atoms, slots) bool.
        member: (batch, residues, members) int64 atoms of each residue.
        member_mask: (batch, residues, members) bool.
    """

    features: Tensor
    pos: Tensor
    mask: Tensor
    neighbour: Tensor
    neighbour_mask: Tensor
    member: Tensor
    member_mask: Tensor


def receptor_atoms(receptor: Receptor, origin: np.ndarray, config: AtomGraphConfig) -> ReceptorAtoms:
    """The heavy atoms of a receptor.

    Args:
        receptor: residues with all their atoms.
        origin: (3,) of the graph's frame in the file's; the neighbours are searched in the file's, as published.
        config: edges between atoms.

    Raises:
        InputError: the receptor holds C-alpha atoms only.
    """
    heavy, features = heavy_atom_features(receptor)
    if len(heavy) <= len(receptor.restype):
        raise InputError(
            f"{receptor.source}: holds C-alpha atoms only, and this checkpoint's confidence network reads all heavy "
            "atoms; give a full-atom structure or another checkpoint"
        )
    pos = receptor.atom_pos[heavy]
    index, mask = first_neighbours(pos, config.radius, config.neighbours)
    return ReceptorAtoms(
        features=torch.from_numpy(features),
        pos=torch.from_numpy(pos - origin).float(),
        residue=torch.from_numpy(receptor.atom_residue[heavy]),
        neighbour=torch.from_numpy(index),
        neighbour_mask=torch.from_numpy(mask),
    )


def residue_members(residue: Tensor, num_residues: int) -> tuple[Tensor, Tensor]:
    """Atoms of each residue (residues, members) int64 and their mask, from the residue of each atom (atoms,)."""
    count = torch.bincount(residue, minlength=num_residues)
    order = torch.argsort(residue, stable=True)
    slot = torch.arange(len(residue)) - (torch.cumsum(count, 0) - count)[residue[order]]
    index = torch.zeros(num_residues, max(int(count.max()), 1), dtype=torch.long)
    index[residue[order], slot] = order
    return index, torch.arange(index.shape[1])[None] < count[:, None]


def collate_atoms(parts: Sequence[ReceptorAtoms], num_residues: Sequence[int]) -> ReceptorAtomBatch:
    """The padded batch of some receptors' atoms.

    Args:
        parts: atoms of each receptor.
        num_residues: residues of each receptor.
    """
    atoms, residues = max(len(part.pos) for part in parts), max(num_residues)
    slots = max(part.neighbour.shape[1] for part in parts)
    members = [residue_members(part.residue, count) for part, count in zip(parts, num_residues, strict=True)]
    widest = max(index.shape[1] for index, _ in members)
    return ReceptorAtomBatch(
        features=pad([part.features for part in parts], (atoms, parts[0].features.shape[1])),
        pos=pad([part.pos for part in parts], (atoms, 3)),
        mask=counted_mask([len(part.pos) for part in parts], atoms),
        neighbour=pad([part.neighbour for part in parts], (atoms, slots)),
        neighbour_mask=pad([part.neighbour_mask for part in parts], (atoms, slots)),
        member=pad([index for index, _ in members], (residues, widest)),
        member_mask=pad([mask for _, mask in members], (residues, widest)),
    )
