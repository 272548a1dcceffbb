"""Messages between atoms as scalar gates times unit vectors.

Source: PaiNN, Schütt et al. 2021 (arXiv:2102.03150). Here the distance enters by addition inside the activation, so
that the largest matrix product is one per atom and not one per pair, and the sender's bonds point a second vector.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from disco_dock.kernels.pair_messages import PairMessages, takes
from disco_dock.models.pose_expert.pairs import Pairs

SUM_SCALE = 0.1
"""Sums over neighbours are multiplied by it; an atom has some tens of neighbours."""
CHUNK = 4096
"""Pairs that a CPU works on at a time, so that what it makes of them stays in its cache."""


class Messages(nn.Module):
    """What atoms receive from the atoms around them.

    Args:
        scalars: width of both kinds of atoms.
        vectors: vectors that a receiving atom gets.
        features: of a pair.
    """

    def __init__(self, scalars: int, vectors: int, features: int) -> None:
        super().__init__()
        self.vectors = vectors
        self.target, self.source = nn.Linear(scalars, scalars), nn.Linear(scalars, scalars, bias=False)
        self.pair = nn.Linear(features, scalars, bias=False)
        self.gates = nn.Linear(scalars, 2 * vectors, bias=False)
        self.out = nn.Linear(scalars, scalars, bias=False)

    def forward(self, there: Tensor, here: Tensor, pairs: Pairs) -> tuple[Tensor, Tensor]:
        """Changes of scalars (targets, scalars) and of vectors (targets, 3, vectors).

        Args:
            there: (targets, scalars) receiving atoms.
            here: (sources, scalars) sending atoms.
            pairs: who sends to whom.
        """
        own, other = self.target(there), self.source(here)
        scalars, arrows = _Sums.apply(own, other, self.pair.weight, self.gates.weight, *pairs)
        return self.out(scalars) * SUM_SCALE, arrows.unflatten(1, (3, self.vectors)) * SUM_SCALE


class _Part(NamedTuple):
    """Some pairs, and their activation before it is bent."""

    pairs: Pairs
    value: Tensor


def _parts(own: Tensor, other: Tensor, weight: Tensor, pairs: Pairs) -> Iterator[_Part]:
    """The pairs in pieces that fit into a cache."""
    count = len(pairs.target)
    size = CHUNK if own.device.type == "cpu" else max(count, 1)
    for start in range(0, count, size):
        some = Pairs(*(value[start : start + size] for value in pairs))
        value = (
            own.index_select(0, some.target).add_(other.index_select(0, some.source)).addmm_(some.features, weight.t())
        )
        yield _Part(some, value)


class _Sums(torch.autograd.Function):
    """Sums over the pairs of each target: activations (targets, scalars), and gates times vectors (targets, 3 vectors).

    The backward pass makes the activations again, which costs less than to keep them. Nothing flows back to the
    geometry of the pairs.
    """

    @staticmethod
    def forward(ctx, own, other, weight, gates, *geometry):  # noqa: ANN205
        pairs, width = Pairs(*geometry), len(gates) // 2
        ctx.save_for_backward(own, other, weight, gates, *geometry)
        if takes(own, gates):
            return PairMessages((own, other, weight, gates), geometry).forward()
        scalars, arrows = torch.zeros_like(own), own.new_zeros(len(own), 3 * width)
        for some, value in _parts(own, other, weight, pairs):
            value = nn.functional.silu(value).mul_(some.envelope)
            scalars.index_add_(0, some.target, value)
            along, aside = (value @ gates.t()).split(width, 1)
            pushes = [along * some.unit[:, k, None] + aside * some.side[:, k, None] for k in range(3)]
            arrows.index_add_(0, some.target, torch.cat(pushes, 1))
        return scalars, arrows

    @staticmethod
    def backward(ctx, to_scalars, to_arrows):  # noqa: ANN205
        own, other, weight, gates, *geometry = ctx.saved_tensors
        if takes(own, gates):
            found = PairMessages((own, other, weight, gates), geometry).backward(to_scalars, to_arrows)
            return *found, *([None] * len(geometry))
        pairs, width = Pairs(*geometry), len(gates) // 2
        to_own, to_other = torch.zeros_like(own), torch.zeros_like(other)
        to_weight, to_gates = torch.zeros_like(weight), torch.zeros_like(gates)
        for some, value in _parts(own, other, weight, pairs):
            slope = torch.sigmoid(value)
            bent = (value * slope).mul_(some.envelope)
            pushed = to_arrows.index_select(0, some.target).unflatten(1, (3, width))
            along = torch.einsum("pkv,pk->pv", pushed, some.unit)
            aside = torch.einsum("pkv,pk->pv", pushed, some.side)
            opened = torch.cat([along, aside], 1)
            to_gates.addmm_(opened.t(), bent)
            grad = to_scalars.index_select(0, some.target).addmm_(opened, gates).mul_(some.envelope)
            grad = grad.mul_(slope).mul_(value.mul_(1 - slope).add_(1))  # x s' = s (1 + x (1 - s)) of the activation
            to_own.index_add_(0, some.target, grad)
            to_other.index_add_(0, some.source, grad)
            to_weight.addmm_(grad.t(), some.features)
        return to_own, to_other, to_weight, to_gates, *([None] * len(geometry))
