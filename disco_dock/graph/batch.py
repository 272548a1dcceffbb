"""Padding of complexes into one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from disco_dock.geometry.torsion import TorsionTopology
from disco_dock.graph.padding import counted_mask, pad
from disco_dock.graph.receptor_atoms import ReceptorAtoms, collate_atoms
from disco_dock.graph.receptor_graph import residue_neighbours, trace_features
from disco_dock.graph.schema import ComplexGraph, GraphBatch


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


def _all_or_none(values: Sequence[Any], name: str) -> list[Any]:
    """The values, or an empty list when all are None."""
    given = [value for value in values if value is not None]
    if len(given) not in (0, len(values)):
        raise ValueError(f"{len(given)} of {len(values)} complexes carry {name}, not all or none")
    return given


class LigandSlots(NamedTuple):
    """Least widths of a batch: torsions of a ligand, and bonds of an atom."""

    torsions: int = 0
    bonds: int = 0


NO_SLOTS = LigandSlots()


def collate(
    graphs: Sequence[ComplexGraph], *, radius: float = 15.0, neighbours: int = 24, slots: LigandSlots = NO_SLOTS
) -> GraphBatch:
    """The padded batch of some complexes.

    Args:
        graphs: complexes; all or none carry language-model features, all or none receptor atoms.
        radius: receptor neighbour radius in Angstrom.
        neighbours: largest number of receptor neighbours of a residue.
        slots: least widths, where shapes must not depend on which complexes are in the batch.

    Raises:
        ValueError: no complexes given, or only some of them carry language-model features or receptor atoms.
    """
    if not graphs:
        raise ValueError("a batch needs at least one complex")
    atoms = max(graph.num_atoms for graph in graphs)
    residues = max(graph.num_residues for graph in graphs)
    torsions = max(slots.torsions, *(graph.num_torsions for graph in graphs))
    sources, kinds, bond_masks = _columns(graphs, lambda g: bond_slots(g.bond_index, g.bond_type, g.num_atoms))
    degree = max(slots.bonds, *(source.shape[1] for source in sources))
    nearest, near_masks = _columns(graphs, lambda g: residue_neighbours(g.rec_pos, radius, neighbours))
    width = max(index.shape[1] for index in nearest)
    scalars, vectors = _columns(graphs, lambda g: trace_features(g.rec_pos, g.rec_chain))
    embeddings = _all_or_none([graph.rec_lm for graph in graphs], "language-model features")
    rec_atoms: list[ReceptorAtoms] = _all_or_none([graph.rec_atoms for graph in graphs], "receptor atoms")
    return GraphBatch(
        lig_features=pad([g.lig_features for g in graphs], (atoms, graphs[0].lig_features.shape[1])),
        lig_mask=counted_mask([g.num_atoms for g in graphs], atoms),
        bond_neighbour=pad(sources, (atoms, degree)),
        bond_type=pad(kinds, (atoms, degree)),
        bond_mask=pad(bond_masks, (atoms, degree)),
        topology=TorsionTopology(
            bonds=pad([g.torsion_bonds for g in graphs], (torsions, 2)),
            moved=pad([g.torsion_moved for g in graphs], (torsions, atoms)),
        ),
        torsion_mask=counted_mask([g.num_torsions for g in graphs], torsions),
        conformer=pad([g.conformer for g in graphs], (atoms, 3)),
        rec_type=pad([g.rec_type for g in graphs], (residues,)),
        rec_pos=pad([g.rec_pos for g in graphs], (residues, 3)),
        rec_mask=counted_mask([g.num_residues for g in graphs], residues),
        rec_neighbour=pad(nearest, (residues, width)),
        rec_neighbour_mask=pad(near_masks, (residues, width)),
        rec_scalars=pad(scalars, (residues, scalars[0].shape[1])),
        rec_vectors=pad(vectors, (residues, 3, vectors[0].shape[2])),
        rec_lm=pad(embeddings, (residues, embeddings[0].shape[1])) if embeddings else None,
        rec_atoms=collate_atoms(rec_atoms, [g.num_residues for g in graphs]) if rec_atoms else None,
    )
