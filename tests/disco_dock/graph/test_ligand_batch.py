"""Ligands of a batch alone."""

from __future__ import annotations

import torch

from disco_dock.graph.batch import collate
from disco_dock.graph.ligand_batch import collate_ligands, hops, ligands_of
from tests.support.graphs import random_graph


def test_the_same_as_in_a_batch_of_complexes():
    graphs = [random_graph(1), random_graph(2, 12, torsions=5), random_graph(3, 5, torsions=0)]
    for ours, expected in zip(collate_ligands(graphs), ligands_of(collate(graphs)), strict=True):
        assert torch.equal(ours, expected)


def test_hops_of_a_chain():
    graphs = [random_graph(1, 7), random_graph(2, 9)]
    found = hops(collate_ligands(graphs))
    places = torch.arange(9)
    chain = (places[:, None] - places).abs().clamp_max(4)
    assert torch.equal(found[1], chain)
    assert torch.equal(found[0, :7, :7], chain[:7, :7])
