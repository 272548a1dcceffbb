"""Edges of one kind in a batch, with their embeddings: padded blocks for any device, lists for the compiled kernels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from disco_dock.kernels.convolution import EdgeRows
from disco_dock.models.layers.irreps import Features
from disco_dock.models.layers.tensor_product import EdgeGroup, aggregate_dense, aggregate_slots, gather_nodes


class EdgeTerms(NamedTuple):
    """What nodes and graphs add to the embeddings of their edges.

    Attributes:
        at_target: (batch, targets, width) first layer, with its bias.
        at_source: (batch, sources, width) first layer, or None.
        at_kind: (kinds, width) first layer, one row per kind of edge, or None.
        shift: (batch, outputs) last layer, with its bias.
    """

    at_target: Tensor
    at_source: Tensor | None
    at_kind: Tensor | None
    shift: Tensor


class Edges(ABC):
    """Edges from sources to targets; `degree` (batch, targets) counts them."""

    @property
    @abstractmethod
    def degree(self) -> Tensor:
        """(batch, targets) number of edges of each target."""

    @abstractmethod
    def total(self, group: EdgeGroup, target: Features, source: Features) -> Features:
        """Summed messages at each target."""

    def only(self, targets: Tensor) -> Edges:
        """The same edges where the sums at targets outside the mask (batch, targets) may be anything."""
        return self


@dataclass(frozen=True)
class DenseEdges(Edges):
    """All targets of a complex see the same sources.

    Attributes:
        embedding: (batch, sources, targets, width).
        sh: (batch, sources, targets, 4).
        mask: (batch, sources, targets, 1) of 0 and 1.
    """

    embedding: Tensor
    sh: Tensor
    mask: Tensor

    @property
    def degree(self) -> Tensor:
        """(batch, targets) number of edges of each target."""
        return self.mask.sum((1, 3))

    def transposed(self) -> DenseEdges:
        """The edges the other way round, with the same vectors."""
        return DenseEdges(*(part.transpose(1, 2) for part in (self.embedding, self.sh, self.mask)))

    def total(self, group: EdgeGroup, target: Features, source: Features) -> Features:
        """Summed messages at each target."""
        at_target, at_source = group.node_parts(target.even_scalars, source.even_scalars)
        hidden = group.hidden_activations(self.embedding, at_target.unsqueeze(1), at_source.unsqueeze(2), self.mask)
        return group.mix(aggregate_dense(hidden, self.sh, source.flat()))


@dataclass(frozen=True)
class SlotEdges(Edges):
    """Each target has its own sources in padded slots.

    Attributes:
        embedding: (batch, targets, slots, width).
        sh: (batch, targets, slots, 4).
        mask: (batch, targets, slots, 1) of 0 and 1.
        index: (batch, targets, slots) int64 sources.
    """

    embedding: Tensor
    sh: Tensor
    mask: Tensor
    index: Tensor

    @property
    def degree(self) -> Tensor:
        """(batch, targets) number of edges of each target."""
        return self.mask.sum((2, 3))

    def total(self, group: EdgeGroup, target: Features, source: Features) -> Features:
        """Summed messages at each target."""
        at_target, at_source = group.node_parts(target.even_scalars, source.even_scalars)
        at_slots = gather_nodes(at_source, self.index)
        hidden = group.hidden_activations(self.embedding, at_target.unsqueeze(2), at_slots, self.mask)
        return group.mix(aggregate_slots(hidden, self.sh, gather_nodes(source.flat(), self.index)))


@dataclass(frozen=True)
class ListedEdges(Edges):
    """Only the edges that exist, sorted by target; nodes are numbered through the batch.

    Attributes:
        embedding: (rows, width).
        rows: from whom to whom.
        batch: number of graphs.
    """

    embedding: Tensor
    rows: EdgeRows
    batch: int

    @property
    def degree(self) -> Tensor:
        """(batch, targets) number of edges of each target."""
        return self.rows.degree.view(self.batch, -1)

    def only(self, targets: Tensor) -> ListedEdges:
        """The same edges where targets outside the mask (batch, targets) get zeros."""
        return replace(self, rows=replace(self.rows, targets=targets.flatten().nonzero().squeeze(1).int()))

    def total(self, group: EdgeGroup, target: Features, source: Features) -> Features:
        """Summed messages at each target."""
        scalars = target.even_scalars.flatten(0, 1)
        summed = group.listed_sum(self.rows, self.embedding, scalars, source.flat().flatten(0, 1))
        return Features.from_flat(summed.view(self.batch, -1, summed.shape[1]), group.mix.outputs)


def starts(target: Tensor, num_targets: int) -> Tensor:
    """(num_targets + 1,) int32, where the edges of each target begin in a list sorted by target."""
    ends = torch.bincount(target, minlength=num_targets).cumsum(0)
    return torch.cat([ends.new_zeros(1), ends]).int()
