"""Padding of complexes into one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from disco_dock.geometry.torsion import TorsionTopology
from disco_dock.graph.receptor_graph import residue_neighbours, trace_features
from disco_dock.graph.schema import ComplexGraph, GraphBatch


def _pad(parts: Sequence[Tensor], shape: Sequence[int]) -> Tensor:
    """Stack tensors into zeros of `shape`, each in the corner of its own slot."""
    out = parts[0].new_zeros(len(parts), *shape)
    for slot, part in zip(out, parts, strict=True):
        slot[tuple(slice(0, size) for size in part.shape)] = part
    return out


def _mask(counts: Sequence[int], width: int) -> Tensor:
    return torch.arange(width)[None] < torch.tensor(list(counts))[:, None]


def bond_slots(bond_index: Tensor, bond_type: Tensor, num_atoms: int) -> tuple[Tensor, Tensor, Tensor]:
    """Bonds of each atom as padded slots: neighbour (atoms, degree), type (atoms, degree), mask (atoms, degree)."""
    target, source = bond_index
    degree = torch.bincount(target, minlength=num_atoms)
    width = max(int(degree.max()) if len(target) else 0, 1)
    order = torch.argsort(target, stable=True)
    start = torch.cumsum(degree, 0) - degree
    slot = torch.arange(len(target)) - start[target[order]]
    neighbour = torch.zeros(num_atoms, width, dtype=torch.long)
    kind = torch.zeros(num_atoms, width, dtype=torch.long)
    neighbour[target[order], slot] = source[order]
    kind[target[order], slot] = bond_type[order]
    return neighbour, kind, torch.arange(width)[None] < degree[:, None]


def _columns(
    graphs: Sequence[ComplexGraph], function: Callable[[ComplexGraph], tuple[Tensor, ...]]
) -> list[list[Tensor]]:
    """Per-complex tuples turned into one list per tensor."""
    return [list(column) for column in zip(*(function(graph) for graph in graphs), strict=True)]


def collate(graphs: Sequence[ComplexGraph], *, radius: float = 15.0, neighbours: int = 24) -> GraphBatch:
    """The padded batch of some complexes.

    Args:
        graphs: complexes; all or none carry language-model features.
        radius: receptor neighbour radius in Angstrom.
        neighbours: largest number of receptor neighbours of a residue.

    Raises:
        ValueError: no complexes given, or only some of them carry language-model features.
    """
    if not graphs:
        raise ValueError("a batch needs at least one complex")
    atoms = max(graph.num_atoms for graph in graphs)
    residues = max(graph.num_residues for graph in graphs)
    torsions = max(graph.num_torsions for graph in graphs)
    slots, kinds, bond_masks = _columns(graphs, lambda g: bond_slots(g.bond_index, g.bond_type, g.num_atoms))
    degree = max(slot.shape[1] for slot in slots)
    nearest, near_masks = _columns(graphs, lambda g: residue_neighbours(g.rec_pos, radius, neighbours))
    width = max(index.shape[1] for index in nearest)
    scalars, vectors = _columns(graphs, lambda g: trace_features(g.rec_pos, g.rec_chain))
    embeddings = [graph.rec_lm for graph in graphs if graph.rec_lm is not None]
    if len(embeddings) not in (0, len(graphs)):
        raise ValueError(f"{len(embeddings)} of {len(graphs)} complexes carry language-model features, not all or none")
    return GraphBatch(
        lig_features=_pad([g.lig_features for g in graphs], (atoms, graphs[0].lig_features.shape[1])),
        lig_mask=_mask([g.num_atoms for g in graphs], atoms),
        bond_neighbour=_pad(slots, (atoms, degree)),
        bond_type=_pad(kinds, (atoms, degree)),
        bond_mask=_pad(bond_masks, (atoms, degree)),
        topology=TorsionTopology(
            bonds=_pad([g.torsion_bonds for g in graphs], (torsions, 2)),
            moved=_pad([g.torsion_moved for g in graphs], (torsions, atoms)),
        ),
        torsion_mask=_mask([g.num_torsions for g in graphs], torsions),
        conformer=_pad([g.conformer for g in graphs], (atoms, 3)),
        rec_type=_pad([g.rec_type for g in graphs], (residues,)),
        rec_pos=_pad([g.rec_pos for g in graphs], (residues, 3)),
        rec_mask=_mask([g.num_residues for g in graphs], residues),
        rec_neighbour=_pad(nearest, (residues, width)),
        rec_neighbour_mask=_pad(near_masks, (residues, width)),
        rec_scalars=_pad(scalars, (residues, scalars[0].shape[1])),
        rec_vectors=_pad(vectors, (residues, 3, vectors[0].shape[2])),
        rec_lm=_pad(embeddings, (residues, embeddings[0].shape[1])) if embeddings else None,
    )
