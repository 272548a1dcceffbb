# pyright: basic
"""Torsion updates and dihedral angles of batches of poses."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class TorsionTopology(NamedTuple):
    """Rotatable bonds of a batch.

    Attributes:
        bonds: (batch, torsions, 2) int64, (u held, v moved); padded slots hold (0, 0).
        moved: (batch, torsions, atoms) bool, contains v and not u; padded slots are all False.
    """

    bonds: Int[Tensor, "batch torsions 2"]
    moved: Bool[Tensor, "batch torsions atoms"]

    @property
    def mask(self) -> Bool[Tensor, "batch torsions"]:
        """(batch, torsions) bool, false in padded slots."""
        return self.moved.any(-1)


def apply_torsions(
    pos: Float[Tensor, "batch atoms 3"], topology: TorsionTopology, angles: Float[Tensor, "batch torsions"]
) -> Float[Tensor, "batch atoms 3"]:
    """(batch, atoms, 3) positions after turning the moved side of each bond by its angle, one bond after another.

    Args:
        pos: (batch, atoms, 3) in Angstrom.
        topology: rotatable bonds; padded slots change nothing.
        angles: (batch, torsions) radians; a right-hand turn about the axis from v to u, through v.

    Source: Jing et al. 2022 (arXiv:2206.01729); sign convention of DiffDock (arXiv:2210.01776).
    """
    rows = torch.arange(len(pos), device=pos.device)
    for slot in range(topology.bonds.shape[1]):
        held, moved = pos[rows, topology.bonds[:, slot, 0]], pos[rows, topology.bonds[:, slot, 1]]
        axis = torch.nn.functional.normalize(held - moved, dim=-1, eps=1e-12).unsqueeze(1)
        arm = pos - moved.unsqueeze(1)
        angle = angles[:, slot, None, None]
        along = (arm * axis).sum(-1, keepdim=True) * axis
        across = torch.linalg.cross(axis.expand_as(arm), arm)
        turned = moved.unsqueeze(1) + along + angle.cos() * (arm - along) + angle.sin() * across
        pos = torch.where(topology.moved[:, slot].unsqueeze(-1), turned, pos)
    return pos


def dihedrals(
    pos: Float[Tensor, "batch atoms 3"], quads: Int[Tensor, "batch torsions 4"]
) -> Float[Tensor, "batch torsions"]:
    """(batch, torsions) signed dihedral angles in radians of atom quadruples.

    Args:
        pos: (batch, atoms, 3) in Angstrom.
        quads: (batch, torsions, 4) int64 atom indices.
    """
    rows = torch.arange(len(pos), device=pos.device)[:, None]
    a, b, c, d = (pos[rows, quads[..., i]] for i in range(4))
    first, middle, last = b - a, c - b, d - c
    normal = torch.linalg.cross(first, middle)
    sine = (torch.linalg.cross(normal, torch.linalg.cross(middle, last)) * middle).sum(-1)
    cosine = (normal * torch.linalg.cross(middle, last)).sum(-1)
    return torch.atan2(sine / middle.norm(dim=-1).clamp_min(1e-12), cosine)
