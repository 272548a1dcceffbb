"""Tensors of different sizes stacked into one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def pad(parts: Sequence[Tensor], shape: Sequence[int]) -> Tensor:
    """Stack tensors into zeros of `shape`, each in the corner of its own slot."""
    out = parts[0].new_zeros(len(parts), *shape)
    for slot, part in zip(out, parts, strict=True):
        slot[tuple(slice(0, size) for size in part.shape)] = part
    return out


def counted_mask(counts: Sequence[int], width: int) -> Tensor:
    """(len(counts), width) bool, true in the first `counts[k]` places of row k."""
    return torch.arange(width)[None] < torch.tensor(list(counts))[:, None]
