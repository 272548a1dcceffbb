"""Edges of a pose as padded blocks, for any device and precision."""

from __future__ import annotations

import torch
from torch import Tensor

from disco_dock.models.layers.edges import DenseEdges, EdgeTerms, SlotEdges
from disco_dock.models.layers.embeddings import EdgeEmbedding, GaussianExpansion
from disco_dock.models.layers.tensor_product import gather_nodes, harmonics


def _finished(network: EdgeEmbedding, value: Tensor, shift: Tensor) -> Tensor:
    """Embeddings from the first layer's sums (batch, ..., width)."""
    out = torch.nn.functional.linear(network.dropout(torch.relu(value)), network.second.weight)
    return out + shift.view(len(shift), *([1] * (value.dim() - 2)), -1)


def dense_edges(
    offset: Tensor, near: Tensor, network: EdgeEmbedding, expansion: GaussianExpansion, terms: EdgeTerms
) -> DenseEdges:
    """Edges between all sources and targets that are near.

    Args:
        offset: (batch, sources, targets, 3) in Angstrom, the vectors that the edges carry.
        near: (batch, sources, targets) bool.
        network: edge network.
        expansion: of the distances.
        terms: what nodes and graphs add; the first kind is these edges'.
    """
    value = network.first.apply_part("distance", expansion(offset.norm(dim=-1))) + terms.at_target.unsqueeze(1)
    if terms.at_source is not None:
        value = value + terms.at_source.unsqueeze(2)
    if terms.at_kind is not None:
        value = value + terms.at_kind[0]
    return DenseEdges(_finished(network, value, terms.shift), harmonics(offset), near.unsqueeze(3).to(offset.dtype))


def slot_edges(
    pos: Tensor,
    index: Tensor,
    mask: Tensor,
    network: EdgeEmbedding,
    expansion: GaussianExpansion,
    terms: EdgeTerms,
    kind: Tensor | None = None,
) -> SlotEdges:
    """Edges among one kind of nodes, in slots of each target.

    Args:
        pos: (batch, nodes, 3) in Angstrom.
        index: (batch, nodes, slots) int64 sources.
        mask: (batch, nodes, slots) bool.
        network: edge network.
        expansion: of the distances.
        terms: what nodes and graphs add.
        kind: (batch, nodes, slots) int64 kind of each edge, or None.
    """
    offset = gather_nodes(pos, index) - pos.unsqueeze(2)
    value = network.first.apply_part("distance", expansion(offset.norm(dim=-1))) + terms.at_target.unsqueeze(2)
    if terms.at_source is not None:
        value = value + gather_nodes(terms.at_source, index)
    if terms.at_kind is not None and kind is not None:
        value = value + terms.at_kind[kind]
    embedding = _finished(network, value, terms.shift)
    return SlotEdges(embedding, harmonics(offset), mask.unsqueeze(3).to(pos.dtype), index)
