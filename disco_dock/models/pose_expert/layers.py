"""Layers of a pose expert: over the ligand's bonds, among the receptor's atoms, and from both to the ligand's pose."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from disco_dock.models.pose_expert.messages import Messages
from disco_dock.models.pose_expert.pairs import Pairs


class Update(nn.Module):
    """Scalars and vectors of an atom changed by each other.

    Args:
        scalars: width.
        vectors: number of vectors.
        extra: further inputs.
    """

    def __init__(self, scalars: int, vectors: int, extra: int = 0) -> None:
        super().__init__()
        self.scalars, self.vectors = scalars, vectors
        self.left, self.right = (nn.Linear(vectors, vectors, bias=False) for _ in range(2))
        self.mlp = nn.Sequential(
            nn.Linear(scalars + 2 * vectors + extra, scalars), nn.SiLU(), nn.Linear(scalars, scalars + vectors)
        )

    def forward(self, scalars: Tensor, vectors: Tensor, *extra: Tensor) -> tuple[Tensor, Tensor]:
        """New scalars (atoms, scalars) and vectors (atoms, 3, vectors)."""
        left, right = self.left(vectors), self.right(vectors)
        size, product = (right.square().sum(1) + 1e-6).sqrt(), (left * right).sum(1)
        change = self.mlp(torch.cat([nn.functional.layer_norm(scalars, (self.scalars,)), size, product, *extra], 1))
        return scalars + change[:, : self.scalars], vectors + left * change[:, None, self.scalars :]


class BondLayer(nn.Module):
    """Messages over the bonds of the ligand."""

    def __init__(self, scalars: int, bond_types: int) -> None:
        super().__init__()
        self.own, self.other = nn.Linear(scalars, scalars), nn.Linear(scalars, scalars, bias=False)
        self.bond = nn.Embedding(bond_types, scalars)
        self.out = nn.Linear(scalars, scalars)
        self.norm = nn.LayerNorm(scalars)

    def forward(self, scalars: Tensor, neighbour: Tensor, kind: Tensor, mask: Tensor) -> Tensor:
        """New scalars (ligands, atoms, scalars).

        Args:
            scalars: (ligands, atoms, scalars).
            neighbour: (ligands, atoms, degree) int64 bonded atoms.
            kind: (ligands, atoms, degree) int64 bond types.
            mask: (ligands, atoms, degree) bool.
        """
        normal = self.norm(scalars)
        rows = torch.arange(len(scalars), device=scalars.device)[:, None, None]
        value = self.own(normal)[:, :, None] + self.other(normal)[rows, neighbour] + self.bond(kind)
        return scalars + self.out((nn.functional.silu(value) * mask[..., None]).sum(2))


class PoseLayer(nn.Module):
    """Messages from receptor and ligand to the ligand's atoms, and their update."""

    def __init__(self, scalars: int, vectors: int, near: int, inner: int, time: int) -> None:
        super().__init__()
        self.time = nn.Linear(time, scalars, bias=False)
        self.norm = nn.LayerNorm(scalars)
        self.receptor = Messages(scalars, vectors, near)
        self.ligand = Messages(scalars, vectors, inner)
        self.update = Update(scalars, vectors, time)

    def forward(
        self, scalars: Tensor, vectors: Tensor, receptor: Tensor, time: Tensor, outer: Pairs, inner: Pairs
    ) -> tuple[Tensor, Tensor]:
        """New scalars (atoms, scalars) and vectors (atoms, 3, vectors) of the ligands' atoms.

        Args:
            scalars: (atoms, scalars) of the ligands.
            vectors: (atoms, 3, vectors).
            receptor: (receptor atoms, scalars).
            time: (atoms, time) embedded times.
            outer: pairs of ligand and receptor atoms.
            inner: pairs of ligand atoms.
        """
        normal = self.norm(scalars) + self.time(time)
        for messages, here, pairs in ((self.receptor, receptor, outer), (self.ligand, normal, inner)):
            more, arrows = messages(normal, here, pairs)
            scalars, vectors = scalars + more, vectors + arrows
        return self.update(scalars, vectors, time)


class ReceptorLayer(nn.Module):
    """Messages among receptor atoms; their vectors come back as lengths only."""

    def __init__(self, scalars: int, vectors: int, features: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(scalars)
        self.messages = Messages(scalars, vectors, features)
        self.update = Update(scalars, vectors)

    def forward(self, scalars: Tensor, pairs: Pairs) -> Tensor:
        """New scalars (receptor atoms, scalars)."""
        normal = self.norm(scalars)
        more, arrows = self.messages(normal, normal, pairs)
        return self.update(scalars + more, arrows)[0]
