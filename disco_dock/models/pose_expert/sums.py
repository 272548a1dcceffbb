"""Gathering rows by index and summing rows by index, each the other's gradient, for pairs in a known order.

`torch.index_add` sums row by row; a sorted sum through `embedding_bag` is three times as fast on a CPU.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx


class Index(NamedTuple):
    """Where the rows of pairs belong.

    Attributes:
        target: (pairs,) int64 row of each pair.
        order: (pairs,) int64 pairs sorted by target.
        start: (rows,) int64 first place of each target in `order`.
    """

    target: Tensor
    order: Tensor
    start: Tensor

    @classmethod
    def of(cls, target: Tensor, rows: int, *, ordered: bool = False) -> Index:
        """The index of pairs.

        Args:
            target: (pairs,) int64.
            rows: number of targets.
            ordered: whether the targets come in increasing order.
        """
        order = torch.arange(len(target), device=target.device) if ordered else torch.argsort(target, stable=True)
        start = torch.searchsorted(target[order], torch.arange(rows, device=target.device))
        return cls(target, order, start)


def _summed(value: Tensor, index: Index) -> Tensor:
    return torch.nn.functional.embedding_bag(index.order, value, index.start, mode="sum")


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, value: Tensor, *index: Tensor) -> Tensor:
        ctx.save_for_backward(index[0])
        return _summed(value, Index(*index))

    @staticmethod
    def backward(ctx, grad: Tensor):  # noqa: ANN205
        (target,) = ctx.saved_tensors
        return grad[target], None, None, None


class _Rows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, value: Tensor, *index: Tensor) -> Tensor:
        ctx.save_for_backward(*index)
        return value[index[0]]

    @staticmethod
    def backward(ctx, grad: Tensor):  # noqa: ANN205
        return _summed(grad.contiguous(), Index(*ctx.saved_tensors)), None, None, None


def sum_by(value: Tensor, index: Index) -> Tensor:
    """(rows, width) sums of the pairs' values (pairs, width) at their targets."""
    return _Sum.apply(value.contiguous(), *index)


def rows_of(value: Tensor, index: Index) -> Tensor:
    """(pairs, width) each pair's row of values (rows, width)."""
    return _Rows.apply(value, *index)
