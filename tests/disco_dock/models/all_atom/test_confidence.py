"""The all-atom confidence network: what it must not depend on, and that leaving work out changes no number."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from disco_dock.graph.batch import collate
from disco_dock.graph.schema import ComplexGraph, GraphBatch
from disco_dock.models.all_atom.confidence import AllAtomConfidence, AllAtomConfidenceConfig
from disco_dock.models.all_atom.edges import AllAtomConfig, slots
from disco_dock.models.layers.irreps import Features
from disco_dock.runtime.errors import ConfigError
from disco_dock.training.score.step import pad_positions
from tests.support.graphs import (
    moved_receptor,
    permuted_atoms,
    permuted_receptor_atoms,
    permuted_residues,
    random_graph,
    random_pose,
    random_rotation,
)
from tests.support.small_models import randomised

LM_DIM = 5
SMALL = AllAtomConfidenceConfig(
    trunk=AllAtomConfig(scalars=6, vectors=2, layers=4, lm_dim=LM_DIM, residue_cutoff=9.0, dropout=0.0),
    thresholds=(2.0, 5.0),
)
seeds = st.integers(0, 10_000)
few = settings(max_examples=6)


@lru_cache(maxsize=1)
def network() -> AllAtomConfidence:
    torch.manual_seed(0)
    module = randomised(AllAtomConfidence(SMALL), 0)
    assert isinstance(module, AllAtomConfidence)
    return module


def complex_graph(seed: int, **sizes: int) -> ComplexGraph:
    return random_graph(seed, **{"rec_atoms": 4, "lm_dim": LM_DIM, "residues": 24, **sizes})


@torch.no_grad()
def logits(batch: GraphBatch, pos: Tensor) -> Tensor:
    return network()(batch, pos)


def judged(graph: ComplexGraph, pos: Tensor) -> Tensor:
    return logits(collate([graph]), pos[None])


def close(ours: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(ours, expected, rtol=0, atol=2e-4 * max(float(expected.abs().max()), 1e-3))


@few
@given(seed=seeds)
def test_rotation_translation_and_reflection(seed: int) -> None:
    graph = complex_graph(seed)
    pos, before = random_pose(graph, seed), judged(graph, random_pose(graph, seed))
    draws = torch.Generator().manual_seed(seed)
    rotation, shift = random_rotation(draws), 5 * torch.randn(3, generator=draws)
    close(judged(moved_receptor(graph, rotation, shift), pos @ rotation.T + shift), before)
    assert float((judged(graph, pos + 1.0) - before).abs().max()) > 1e-6  # the pose alone does matter


def test_tells_mirror_images_apart() -> None:
    """The read-out takes pseudo-scalars, which a reflection changes."""
    graph = complex_graph(2)
    pos = random_pose(graph, 2)
    mirrored = judged(moved_receptor(graph, -torch.eye(3), torch.zeros(3)), -pos)
    assert float((mirrored - judged(graph, pos)).abs().max()) > 1e-5


@few
@given(seed=seeds)
def test_order_of_atoms_and_residues(seed: int) -> None:
    graph = complex_graph(seed)
    pos, draws = random_pose(graph, seed), torch.Generator().manual_seed(seed)
    before = judged(graph, pos)
    order = torch.randperm(graph.num_atoms, generator=draws)
    close(judged(permuted_atoms(graph, order), pos[order]), before)
    close(judged(permuted_residues(graph, torch.randperm(graph.num_residues, generator=draws)), pos), before)
    assert graph.rec_atoms is not None
    close(
        judged(permuted_receptor_atoms(graph, torch.randperm(len(graph.rec_atoms.pos), generator=draws)), pos), before
    )


@few
@given(seed=seeds)
def test_company_in_the_batch(seed: int) -> None:
    """A complex has the same logits alone and padded among others, one of them far from its receptor."""
    sizes = [(5, 9, 2), (12, 24, 5), (4, 2, 3)]
    graphs = [
        complex_graph(seed + k, atoms=atoms, residues=residues, rec_atoms=each, torsions=1)
        for k, (atoms, residues, each) in enumerate(sizes)
    ]
    poses = [random_pose(graph, seed) for graph in graphs]
    poses[1] = poses[1] + (1000.0 if seed % 2 else 0.0)
    batch = collate(graphs)
    together = logits(batch, pad_positions(poses, batch.num_atoms))
    for row, (graph, pos) in enumerate(zip(graphs, poses, strict=True)):
        close(together[row : row + 1], judged(graph, pos))


@few
@given(seed=seeds, spread=st.sampled_from([0.0, 8.0, 30.0]))
@torch.no_grad()
def test_leaving_out_nodes_changes_nothing(seed: int, spread: float) -> None:
    """Only nodes that the pose changes and that the ligand feels are computed; the result is that of all nodes."""
    graph, trunk = complex_graph(seed, residues=40), network().trunk
    pos = torch.stack([random_pose(graph, seed + k, spread) for k in range(3)])
    one = collate([graph])
    rows, run = one.expand(3), trunk.receptor_run(one)
    ours = trunk(rows, pos, run.repeat(3))
    edges = trunk.edges.ligand(rows, pos) | trunk.edges.receptor(rows)
    start = Features.from_scalars(trunk.ligand_nodes(rows.lig_features.flatten(0, 1)), SMALL.trunk.channels(0))
    nodes = {"ligand": start, **trunk._receptor_nodes(rows)}
    for part, expected in zip(ours, trunk._whole(nodes, edges, trunk._valid(rows)), strict=True):
        close(part, expected)


@torch.no_grad()
def test_far_receptor_is_left_out() -> None:
    graph = complex_graph(3, residues=60)
    one, trunk = collate([graph]), network().trunk
    pos = graph.conformer[None] + graph.rec_pos[0]
    edges = trunk.edges.ligand(one, pos) | trunk.edges.receptor(one)
    wanted = trunk._wanted(edges, trunk._valid(one))
    assert len(wanted) == SMALL.trunk.layers - 1
    assert 0 < int(wanted[1]["residue"].sum()) < graph.num_residues
    assert 0 < int(wanted[-1]["atom"].sum()) < int(wanted[1]["atom"].sum())


def test_copies_and_a_shared_run() -> None:
    graph, model = complex_graph(5), network()
    one = collate([graph])
    poses = torch.stack([random_pose(graph, k) for k in range(3)])
    with torch.no_grad():
        shared = model(one.expand(3), poses, model.trunk.receptor_run(one).repeat(3))
    close(shared, logits(one.repeat_interleave(3), poses))
    close(shared, torch.cat([judged(graph, pos) for pos in poses]))


def test_gradients_of_a_padded_batch_are_finite() -> None:
    graphs = [complex_graph(1, atoms=5, residues=6, torsions=1), complex_graph(2, atoms=11)]
    batch = collate(graphs)
    pos = pad_positions([random_pose(graph, 1) for graph in graphs], batch.num_atoms).requires_grad_()
    torch.manual_seed(0)
    model = AllAtomConfidence(SMALL).train()
    model(batch, pos).square().sum().backward()
    assert pos.grad is not None and pos.grad.isfinite().all() and not pos.grad[0, 5:].any()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


def test_single_atoms_stay_finite() -> None:
    graph = complex_graph(2, atoms=1, residues=1, rec_atoms=1, torsions=0)
    assert judged(graph, torch.zeros(1, 3)).isfinite().all()


def test_missing_features_are_one_sentence() -> None:
    graph = complex_graph(0)
    pos = random_pose(graph, 0)
    with pytest.raises(ConfigError, match="heavy atoms"):
        judged(replace(graph, rec_atoms=None), pos)
    with pytest.raises(ConfigError, match="language-model features of 5"):
        judged(replace(graph, rec_lm=None), pos)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": 1}, "layers"),
        ({"time_dim": 3}, "time_dim"),
        ({"dropout": 1.0}, "dropout"),
        ({"lm_dim": -1}, "lm_dim"),
    ],
)
def test_config(changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AllAtomConfig(**changes)


@pytest.mark.parametrize("thresholds", [(), (0.0,), (5.0, 2.0)])
def test_thresholds(thresholds: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="thresholds"):
        AllAtomConfidenceConfig(thresholds=thresholds)


@given(seed=seeds, rows=st.integers(0, 5), columns=st.integers(1, 8))
def test_slots_hold_the_true_entries(seed: int, rows: int, columns: int) -> None:
    near = torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed)) > 0.6
    index, mask = slots(near)
    assert [index[row][mask[row]].tolist() for row in range(rows)] == [row.nonzero().flatten().tolist() for row in near]
