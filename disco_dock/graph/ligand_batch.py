"""The ligands of a batch alone, padded, for networks that take the receptor atom by atom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from disco_dock.geometry.torsion import TorsionTopology
from disco_dock.graph.batch import bond_slots
from disco_dock.graph.padding import counted_mask, pad
from disco_dock.graph.schema import ComplexGraph, GraphBatch

FAR_BONDS = 4
"""Hops between atoms that are four bonds apart or more."""


class LigandBatch(NamedTuple):
    """Padded ligands; every tensor has the batch as its first dimension.

    Attributes:
        features: (batch, atoms, 16) int64.
        mask: (batch, atoms) bool.
        bond_neighbour: (batch, atoms, degree) int64 source atom of each bond of an atom.
        bond_type: (batch, atoms, degree) int64.
        bond_mask: (batch, atoms, degree) bool.
        bonds: (batch, torsions, 2) int64 rotatable bonds, (u held, v moved).
        moved: (batch, torsions, atoms) bool.
        torsion_mask: (batch, torsions) bool.
    """

    features: Tensor
    mask: Tensor
    bond_neighbour: Tensor
    bond_type: Tensor
    bond_mask: Tensor
    bonds: Tensor
    moved: Tensor
    torsion_mask: Tensor

    @property
    def topology(self) -> TorsionTopology:
        """Rotatable bonds and what they move."""
        return TorsionTopology(self.bonds, self.moved)

    def each(self, function) -> LigandBatch:
        """The function of every tensor."""
        return LigandBatch(*(function(part) for part in self))

    def repeat_interleave(self, copies: int) -> LigandBatch:
        """Each ligand `copies` times in a row."""
        return self.each(lambda part: part.repeat_interleave(copies, 0))

    def alone(self, row: int) -> LigandBatch:
        """A batch of one of the ligands, without the padding that its company asked for."""
        one = self.each(lambda part: part[row : row + 1])
        atoms, torsions = int(one.mask.sum()), int(one.torsion_mask.sum())
        degree = int(one.bond_mask.sum(2).max())
        return LigandBatch(
            features=one.features[:, :atoms],
            mask=one.mask[:, :atoms],
            bond_neighbour=one.bond_neighbour[:, :atoms, :degree],
            bond_type=one.bond_type[:, :atoms, :degree],
            bond_mask=one.bond_mask[:, :atoms, :degree],
            bonds=one.bonds[:, :torsions],
            moved=one.moved[:, :torsions, :atoms],
            torsion_mask=one.torsion_mask[:, :torsions],
        )


def ligands_of(batch: GraphBatch) -> LigandBatch:
    """The ligands of a batch of complexes."""
    return LigandBatch(
        features=batch.lig_features,
        mask=batch.lig_mask,
        bond_neighbour=batch.bond_neighbour,
        bond_type=batch.bond_type,
        bond_mask=batch.bond_mask,
        bonds=batch.topology.bonds,
        moved=batch.topology.moved,
        torsion_mask=batch.torsion_mask,
    )


def collate_ligands(graphs: Sequence[ComplexGraph]) -> LigandBatch:
    """The padded ligands of some complexes."""
    atoms = max(graph.num_atoms for graph in graphs)
    torsions = max(graph.num_torsions for graph in graphs)
    slots = [bond_slots(graph.bond_index, graph.bond_type, graph.num_atoms) for graph in graphs]
    degree = max(source.shape[1] for source, _, _ in slots)
    return LigandBatch(
        features=pad([graph.lig_features for graph in graphs], (atoms, graphs[0].lig_features.shape[1])),
        mask=counted_mask([graph.num_atoms for graph in graphs], atoms),
        bond_neighbour=pad([source for source, _, _ in slots], (atoms, degree)),
        bond_type=pad([kind for _, kind, _ in slots], (atoms, degree)),
        bond_mask=pad([mask for _, _, mask in slots], (atoms, degree)),
        bonds=pad([graph.torsion_bonds for graph in graphs], (torsions, 2)),
        moved=pad([graph.torsion_moved for graph in graphs], (torsions, atoms)),
        torsion_mask=counted_mask([graph.num_torsions for graph in graphs], torsions),
    )


def hops(ligands: LigandBatch) -> Tensor:
    """(batch, atoms, atoms) int64 bonds between two atoms, `FAR_BONDS` for four or more; 0 on the diagonal."""
    rows, atoms = ligands.mask.shape
    step = torch.zeros(rows, atoms, atoms, device=ligands.mask.device)
    step.scatter_add_(2, ligands.bond_neighbour, ligands.bond_mask.float())
    reach = torch.eye(atoms, device=step.device).expand(rows, -1, -1)
    found = torch.full_like(step, FAR_BONDS)
    walks = [reach]
    for _ in range(FAR_BONDS - 1):
        walks.append(((walks[-1] @ step) > 0).float())
    for distance in range(FAR_BONDS - 1, -1, -1):
        found = torch.where(walks[distance] > 0, torch.full_like(found, distance), found)
    return found.long()
