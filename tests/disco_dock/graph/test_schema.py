"""Counts of the complex graph, and that the synthetic one of the tests is consistent."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.support.graphs import permuted_atoms, permuted_residues, random_graph


@given(seed=st.integers(0, 1000), atoms=st.integers(4, 12), residues=st.integers(1, 12))
def test_counts_and_consistency(seed: int, atoms: int, residues: int) -> None:
    graph = random_graph(seed, atoms, residues, torsions=atoms - 3)
    assert (graph.num_atoms, graph.num_residues, graph.num_torsions) == (atoms, residues, atoms - 3)
    rows = torch.arange(graph.num_torsions)
    assert graph.torsion_moved[rows, graph.torsion_bonds[:, 1]].all()
    assert not graph.torsion_moved[rows, graph.torsion_bonds[:, 0]].any()
    bonds = set(map(tuple, graph.bond_index.T.tolist()))
    assert all(tuple(bond) in bonds for bond in graph.torsion_bonds.tolist())
    assert all((b, a) in bonds for a, b in bonds)


def test_permutations_can_be_undone() -> None:
    graph = random_graph(5)
    order = torch.randperm(graph.num_atoms)
    back = permuted_atoms(permuted_atoms(graph, order), torch.argsort(order))
    assert torch.equal(back.bond_index, graph.bond_index) and torch.equal(back.torsion_moved, graph.torsion_moved)
    order = torch.randperm(graph.num_residues)
    back = permuted_residues(permuted_residues(graph, order), torch.argsort(order))
    assert torch.equal(back.rec_pos, graph.rec_pos) and torch.equal(back.rec_chain, graph.rec_chain)
