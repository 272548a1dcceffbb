"""The PyTorch Geometric form of a complex."""

from __future__ import annotations

import torch
from torch_geometric.loader import DataLoader

from disco_dock.graph.pyg import to_hetero_data
from tests.disco_dock.models.published_golden import golden_graph
from tests.support.golden import load_golden
from tests.support.graphs import random_graph, random_pose


def test_nodes_edges_and_pose() -> None:
    graph = random_graph(0, atoms=7, residues=9, torsions=2, lm_dim=3)
    pos = random_pose(graph, 0)
    data = to_hetero_data(graph, pos)
    assert data.validate()
    assert data["ligand"].num_nodes == 7 and data["receptor"].num_nodes == 9
    assert data["receptor"].x.shape == (9, 4)
    torch.testing.assert_close(data["ligand"].pos, pos)
    bonds = data["ligand", "lig_bond", "ligand"]
    assert bonds.edge_index[:, bonds.edge_mask].T.tolist() == graph.torsion_bonds.tolist()
    assert bonds.edge_attr.argmax(1).tolist() == graph.bond_type.tolist()
    torch.testing.assert_close(to_hetero_data(graph)["ligand"].pos, graph.conformer)


def test_loader_batches_complexes_of_different_size() -> None:
    graphs = [random_graph(0, torsions=3), random_graph(1, atoms=5, residues=6, torsions=0)]
    batch = next(iter(DataLoader([to_hetero_data(graph) for graph in graphs], batch_size=2)))
    assert batch.num_graphs == 2
    assert [mask.shape for mask in batch["ligand"].mask_rotate] == [(3, 9), (0, 5)]
    assert batch["ligand"].x.shape[0] == 14
    assert int(batch["ligand", "lig_bond", "ligand"].edge_mask.sum()) == 3
    assert int(batch["receptor", "rec_contact", "receptor"].edge_index.max()) < 20


def test_published_graph() -> None:
    golden = load_golden("graph_6w70.npz")
    data = to_hetero_data(golden_graph("6w70"))
    bonds = data["ligand", "lig_bond", "ligand"]
    assert bonds.edge_mask.tolist() == golden["lig_edge_mask"].tolist()
    torch.testing.assert_close(bonds.edge_attr, torch.from_numpy(golden["lig_bond_attr"]).float())
    ours = set(map(tuple, data["receptor", "rec_contact", "receptor"].edge_index.T.tolist()))
    assert ours == set(map(tuple, golden["rec_edge_index"].T.tolist()))
