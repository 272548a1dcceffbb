"""Which residues a layer must update for the ligand's features to be exact."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def needed_residues(
    updates: Sequence[bool], near: Tensor, neighbour: Tensor, neighbour_mask: Tensor, *, joint_receptor_edges: bool
) -> list[Tensor]:
    """(batch, residues) masks of the residues that each layer must update, none at the last one.

    Going back from the ligand, the input of a layer is needed at the residues near the ligand and, where the layer
    updates residues, at those and at their sources.

    Args:
        updates: whether each layer updates residues.
        near: (batch, residues) bool, residues with an edge to the ligand.
        neighbour: (batch, residues, slots) int64 sources of residue-residue edges.
        neighbour_mask: (batch, residues, slots) bool.
        joint_receptor_edges: whether the layers have those edges.
    """
    needed = torch.zeros_like(near)
    masks: list[Tensor] = []
    for update in reversed(updates):
        masks.append(needed)
        if update and joint_receptor_edges:
            sources = (neighbour_mask & needed.unsqueeze(2)).flatten(1).to(torch.uint8)
            reached = torch.zeros_like(near, dtype=torch.uint8).scatter_reduce(1, neighbour.flatten(1), sources, "amax")
            needed = needed | reached.bool()
        needed = needed | near
    return masks[::-1]
