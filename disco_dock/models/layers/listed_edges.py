"""Edge lists of a pose for the compiled kernels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from disco_dock.kernels.convolution import NO_DROPOUT, Dropout, EdgeRows
from disco_dock.kernels.edge_embedding import EdgeList, Gaussians, embed_edges
from disco_dock.models.layers.edges import EdgeTerms, ListedEdges, starts
from disco_dock.models.layers.embeddings import EdgeEmbedding, GaussianExpansion
from disco_dock.models.layers.tensor_product import harmonics


@dataclass(frozen=True)
class EdgeGeometry:
    """Edges sorted by target, numbered through the batch.

    Attributes:
        target: (edges,) int64.
        source: (edges,) int64.
        offset: (edges, 3) Angstrom, from target to source.
        kind: (edges,) int64 kind of each edge, or None.
    """

    target: Tensor
    source: Tensor
    offset: Tensor
    kind: Tensor | None = None

    def embedded(self, network: EdgeEmbedding, expansion: GaussianExpansion, terms: EdgeTerms) -> Tensor:
        """(edges, outputs) embeddings."""
        dropout = NO_DROPOUT
        if network.training and network.dropout.p:
            dropout = Dropout(network.dropout.p, int(torch.randint(2**31, (1,))))
        kind = None if self.kind is None else self.kind.int()
        return embed_edges(
            EdgeList(self.offset.norm(dim=-1), self.target.int(), self.source.int(), kind),
            Gaussians(expansion.spacing, expansion.coefficient),
            first=network.first.part("distance"),
            second=network.second.weight,
            at_target=terms.at_target,
            at_source=terms.at_source,
            at_kind=terms.at_kind,
            shift=terms.shift,
            dropout=dropout,
        )

    def listed(self, embedding: Tensor, batch: int, num_targets: int) -> ListedEdges:
        """The edges with their embeddings; num_targets counts those of the whole batch."""
        rows = EdgeRows(
            start=starts(self.target, num_targets),
            source=self.source.int(),
            row=torch.arange(len(self.target), dtype=torch.int32),
            sh=harmonics(self.offset)[:, 1:].contiguous(),
            targets=torch.arange(num_targets, dtype=torch.int32),
        )
        return ListedEdges(embedding, rows, batch)


def ligand_edges(pos: Tensor, near: Tensor, neighbour: Tensor, bond_type: Tensor, bond_mask: Tensor) -> EdgeGeometry:
    """Radius edges (kind 0), then bond edges (kind 1 + bond type) of each atom; a pair may have both.

    Args:
        pos: (batch, atoms, 3) in Angstrom.
        near: (batch, sources, targets) bool radius edges.
        neighbour: (batch, atoms, degree) int64 bonded atoms.
        bond_type: (batch, atoms, degree) int64.
        bond_mask: (batch, atoms, degree) bool.
    """
    atoms = pos.shape[1]
    graph, target, source = near.transpose(1, 2).nonzero().unbind(1)
    bond_graph, bond_target, slot = bond_mask.nonzero().unbind(1)
    bond_source = neighbour[bond_graph, bond_target, slot]
    shift = torch.cat([graph, bond_graph]) * atoms
    target, source = torch.cat([target, bond_target]) + shift, torch.cat([source, bond_source]) + shift
    kind = torch.cat([torch.zeros_like(graph), 1 + bond_type[bond_graph, bond_target, slot]])
    order = target.argsort(stable=True)
    target, source, flat = target[order], source[order], pos.flatten(0, 1)
    return EdgeGeometry(target, source, flat[source] - flat[target], kind[order])


def cross_edges(offset: Tensor, near: Tensor) -> tuple[EdgeGeometry, Tensor]:
    """Edges ligand <- residue, and (batch, residues, atoms) where each stands in the list.

    Args:
        offset: (batch, residues, atoms, 3) from atom to residue, Angstrom.
        near: (batch, residues, atoms) bool.
    """
    _, residues, atoms = near.shape
    graph, atom, residue = near.transpose(1, 2).nonzero().unbind(1)
    place = torch.empty(near.shape, dtype=torch.int32)
    place[graph, residue, atom] = torch.arange(len(graph), dtype=torch.int32)
    return EdgeGeometry(graph * atoms + atom, graph * residues + residue, offset[graph, residue, atom]), place


def reversed_edges(forward: ListedEdges, place: Tensor, near: Tensor) -> ListedEdges:
    """Edges residue <- ligand with the vectors and embeddings of ligand <- residue, as published.

    Args:
        forward: edges ligand <- residue.
        place: from `cross_edges`.
        near: (batch, residues, atoms) bool.
    """
    batch, residues, atoms = near.shape
    graph, residue, atom = near.nonzero().unbind(1)
    rows = EdgeRows(
        start=starts(graph * residues + residue, batch * residues),
        source=(graph * atoms + atom).int(),
        row=place[near],
        sh=forward.rows.sh,
        targets=torch.arange(batch * residues, dtype=torch.int32),
    )
    return ListedEdges(forward.embedding, rows, batch)


def receptor_edges(pos: Tensor, neighbour: Tensor, mask: Tensor) -> EdgeGeometry:
    """Edges residue <- residue.

    Args:
        pos: (batch, residues, 3) in Angstrom.
        neighbour: (batch, residues, slots) int64.
        mask: (batch, residues, slots) bool.
    """
    graph, residue, slot = mask.nonzero().unbind(1)
    source = neighbour[graph, residue, slot]
    return EdgeGeometry(
        graph * pos.shape[1] + residue, graph * pos.shape[1] + source, pos[graph, source] - pos[graph, residue]
    )
