"""The PyTorch Geometric form of a complex, there and back, and the documented training on it."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.loader import DataLoader

from disco_dock.graph.receptor_atoms import ReceptorAtoms
from disco_dock.graph.schema import ComplexGraph
from tests.disco_dock.models.published_golden import golden_graph
from tests.support.golden import load_golden
from tests.support.graphs import random_graph, random_pose

ROOT = Path(__file__).parents[3]


def test_nodes_edges_and_pose() -> None:
    graph = random_graph(0, atoms=7, residues=9, torsions=2, lm_dim=3)
    pos = random_pose(graph, 0)
    data = graph.to_pyg(pos)
    assert data.validate()
    assert data["ligand"].num_nodes == 7 and data["receptor"].num_nodes == 9
    assert data["receptor"].x.shape == (9, 4)
    torch.testing.assert_close(data["ligand"].pos, pos)
    bonds = data["ligand", "lig_bond", "ligand"]
    assert bonds.edge_index[:, bonds.edge_mask].T.tolist() == graph.torsion_bonds.tolist()
    assert bonds.edge_attr.argmax(1).tolist() == graph.bond_type.tolist()
    torch.testing.assert_close(graph.to_pyg()["ligand"].pos, graph.conformer)


def test_loader_batches_complexes_of_different_size() -> None:
    graphs = [random_graph(0, torsions=3), random_graph(1, atoms=5, residues=6, torsions=0)]
    batch = next(iter(DataLoader([graph.to_pyg() for graph in graphs], batch_size=2)))
    assert batch.num_graphs == 2
    assert [mask.shape for mask in batch["ligand"].mask_rotate] == [(3, 9), (0, 5)]
    assert batch["ligand"].x.shape[0] == 14
    assert int(batch["ligand", "lig_bond", "ligand"].edge_mask.sum()) == 3
    assert int(batch["receptor", "rec_contact", "receptor"].edge_index.max()) < 20


def test_published_graph() -> None:
    golden = load_golden("graph_6w70.npz")
    data = golden_graph("6w70").to_pyg()
    bonds = data["ligand", "lig_bond", "ligand"]
    assert bonds.edge_mask.tolist() == golden["lig_edge_mask"].tolist()
    torch.testing.assert_close(bonds.edge_attr, torch.from_numpy(golden["lig_bond_attr"]).float())
    ours = set(map(tuple, data["receptor", "rec_contact", "receptor"].edge_index.T.tolist()))
    assert ours == set(map(tuple, golden["rec_edge_index"].T.tolist()))


def same(first: ComplexGraph, second: ComplexGraph) -> None:
    for field in fields(ComplexGraph):
        mine, theirs = getattr(first, field.name), getattr(second, field.name)
        if isinstance(mine, torch.Tensor | np.ndarray):
            torch.testing.assert_close(theirs, mine, rtol=0, atol=0, msg=field.name)
        elif mine is None:
            assert theirs is None, field.name


@pytest.mark.parametrize("options", [{}, {"lm_dim": 3, "torsions": 0}])
def test_there_and_back_through_a_loader(options) -> None:
    graphs = [random_graph(0, **options), random_graph(1, atoms=5, residues=6, **options)]
    same(graphs[0], ComplexGraph.from_pyg(graphs[0].to_pyg(random_pose(graphs[0], 0))))
    batch = next(iter(DataLoader([graph.to_pyg() for graph in graphs], batch_size=2)))
    for graph, data in zip(graphs, batch.to_data_list(), strict=True):
        same(graph, ComplexGraph.from_pyg(data))


def test_receptor_atoms_there_and_back() -> None:
    rng = np.random.default_rng(0)
    pos = torch.from_numpy(rng.normal(scale=4, size=(30, 3))).float()
    near = torch.cdist(pos, pos).argsort(1)[:, 1:5]
    mask = torch.arange(4) < torch.from_numpy(rng.integers(1, 5, (30, 1)))
    atoms = ReceptorAtoms(torch.zeros(30, 4, dtype=torch.int64), pos, torch.arange(30) // 4, near, mask)
    graph = replace(random_graph(0, residues=9), rec_atoms=atoms)
    back = ComplexGraph.from_pyg(graph.to_pyg()).rec_atoms
    assert back is not None
    for name in ("features", "pos", "residue"):
        assert torch.equal(getattr(back, name), getattr(atoms, name))
    width = back.neighbour_mask.shape[1]
    assert torch.equal(back.neighbour_mask, mask[:, :width]) and not mask[:, width:].any()
    assert torch.equal(back.neighbour[back.neighbour_mask], near[mask])


def test_the_documented_example_learns(capsys, monkeypatch) -> None:
    page = (ROOT / "docs" / "pyg.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.S)
    monkeypatch.chdir(ROOT)
    exec(compile(code, "docs/pyg.md", "exec"), {})
    first, last = map(float, re.findall(r"[0-9]+\.[0-9]+", capsys.readouterr().out))
    assert last < first / 2
