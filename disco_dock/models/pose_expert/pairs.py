"""Pairs of atoms near one another, and what their geometry says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

ANGLES = 5
"""Numbers of a pair that tell how the bonds of its atoms stand to the line between them."""

LARGEST_EXPONENT = 20.0
"""Of a Gaussian: 2e-9 stands for all that is smaller, which would become numbers that processors are slow with."""


class Pairs(NamedTuple):
    """Messages from source to target atoms.

    Attributes:
        target: (pairs,) int64 receiving atom, increasing.
        source: (pairs,) int64 sending atom.
        features: (pairs, features) invariant, less than the cutoff apart.
        unit: (pairs, 3) from target to source.
        side: (pairs, 3) side vector of the source.
        envelope: (pairs, 1) falls to zero at the cutoff.
    """

    target: Tensor
    source: Tensor
    features: Tensor
    unit: Tensor
    side: Tensor
    envelope: Tensor


class Points(NamedTuple):
    """Atoms in space: positions (atoms, 3) in Angstrom and side vectors (atoms, 3)."""

    pos: Tensor
    side: Tensor


def make_pairs(
    target: Tensor, source: Tensor, there: Points, here: Points, cutoff: float, radial: int, extra: Tensor | None = None
) -> Pairs:
    """Pairs from their indices.

    Args:
        target: (pairs,) int64 rows of `there`, increasing.
        source: (pairs,) int64 rows of `here`.
        there: receiving atoms.
        here: sending atoms.
        cutoff: Angstrom.
        radial: Gaussians of the distance.
        extra: (pairs, n) further features.
    """
    offset = here.pos[source] - there.pos[target]
    distance = torch.linalg.vector_norm(offset, dim=-1, keepdim=True)
    unit = offset / distance.clamp_min(0.1)
    own, other = there.side[target], here.side[source]
    near, far = (own * unit).sum(-1, keepdim=True), -(other * unit).sum(-1, keepdim=True)
    spacing = cutoff / (radial - 1)
    centres = torch.linspace(0.0, cutoff, radial, device=unit.device, dtype=unit.dtype)
    exponent = (0.5 * ((distance - centres) / spacing).square()).clamp_max(LARGEST_EXPONENT)
    gaussians = torch.exp(-exponent)
    parts = [gaussians, near, far, near * near, far * far, near * far]
    envelope = 0.5 * (torch.cos(distance.clamp_max(cutoff) * (math.pi / cutoff)) + 1)
    return Pairs(
        target=target,
        source=source,
        features=torch.cat(parts if extra is None else [*parts, extra], -1),
        unit=unit,
        side=other,
        envelope=envelope,
    )


def near_receptor(
    pos: Tensor, mask: Tensor, receptor: Tensor, starts: Sequence[int], owner: Sequence[int], cutoff: float
) -> tuple[Tensor, Tensor]:
    """Indices of ligand atoms and of receptor atoms less than a distance apart, by ligand atom.

    Args:
        pos: (rows, atoms, 3) poses in Angstrom.
        mask: (rows, atoms) bool.
        receptor: (receptor atoms, 3) of all receptors, one after the other.
        starts: where each receptor begins, and the end.
        owner: receptor of each row; rows of one receptor are adjacent.
        cutoff: Angstrom.

    Returns:
        (pairs,) int64 rows of the flattened poses, and (pairs,) int64 receptor atoms.
    """
    targets, sources, first = [], [], 0
    while first < len(owner):
        last = first
        while last < len(owner) and owner[last] == owner[first]:
            last += 1
        begin, end = starts[owner[first]], starts[owner[first] + 1]
        points, real = pos[first:last].reshape(-1, 3), mask[first:last].reshape(-1)
        own = receptor[begin:end]
        if bool(real.any()):
            low, high = points[real].amin(0) - cutoff, points[real].amax(0) + cutoff
            inside = ((own > low) & (own < high)).all(1).nonzero()[:, 0]
            distance = torch.cdist(points, own[inside], compute_mode="donot_use_mm_for_euclid_dist")
            i, j = ((distance < cutoff) & real[:, None]).nonzero(as_tuple=True)
            targets.append(i + first * pos.shape[1])
            sources.append(inside[j] + begin)
        first = last
    if not targets:
        empty = torch.zeros(0, dtype=torch.long, device=pos.device)
        return empty, empty
    return torch.cat(targets), torch.cat(sources)


def near_ligand(pos: Tensor, mask: Tensor, cutoff: float) -> tuple[Tensor, Tensor]:
    """Indices of the two atoms of pairs inside one ligand, in the flattened poses, by the first."""
    atoms = pos.shape[1]
    square = (pos[:, :, None] - pos[:, None]).square().sum(-1)
    other = ~torch.eye(atoms, dtype=torch.bool, device=pos.device)
    row, i, j = ((square < cutoff**2) & mask[:, :, None] & mask[:, None] & other).nonzero(as_tuple=True)
    return row * atoms + i, row * atoms + j


def ligand_sides(pos: Tensor, neighbour: Tensor, mask: Tensor) -> Tensor:
    """(rows, atoms, 3) mean of the unit vectors from an atom's bonded atoms to it, as `graph.heavy_atoms` has them.

    Args:
        pos: (rows, atoms, 3) Angstrom.
        neighbour: (rows, atoms, degree) int64 bonded atoms.
        mask: (rows, atoms, degree) bool.
    """
    rows = torch.arange(len(pos), device=pos.device)[:, None, None]
    offset = pos[:, :, None] - pos[rows, neighbour]
    unit = offset / torch.linalg.vector_norm(offset, dim=-1, keepdim=True).clamp_min(1e-6)
    weight = mask.to(pos.dtype)
    return (unit * weight[..., None]).sum(2) / weight.sum(2).clamp_min(1)[..., None]
