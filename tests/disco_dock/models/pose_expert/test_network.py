"""What a pose expert must not depend on, and what it must see."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from disco_dock.models.pose_expert.network import PoseExpert
from tests.support.graphs import permuted_atoms, random_rotation
from tests.support.pose_expert import SMALL, heavy_graph, levels, predicted, small_expert

seeds = st.integers(0, 1000)


def pose_of(graph, seed=0):
    noise = torch.randn(graph.num_atoms, 3, generator=torch.Generator().manual_seed(seed))
    return graph.conformer + 0.1 * noise


def close(ours, expected):
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-4 * max(float(expected.abs().max()), 1e-2))


@given(seeds)
@settings(max_examples=8, deadline=None)
def test_scores_turn_and_move_with_the_complex(seed):
    graph = heavy_graph(seed)
    turn = random_rotation(torch.Generator().manual_seed(seed))
    shift = torch.tensor([3.0, -2.0, 5.0])
    atoms = graph.heavy_atoms
    moved = replace(graph, heavy_atoms=atoms._replace(pos=atoms.pos @ turn.T + shift, side=atoms.side @ turn.T))
    before = predicted(small_expert(), [graph], [pose_of(graph)])
    after = predicted(small_expert(), [moved], [pose_of(graph) @ turn.T + shift])
    close(after.scores.tr, before.scores.tr @ turn.T)
    close(after.scores.rot, before.scores.rot @ turn.T)
    close(after.scores.tor, before.scores.tor)
    close(after.field, before.field @ turn.T)


@given(seeds)
@settings(max_examples=8, deadline=None)
def test_in_a_mirror_turns_change_sign_and_displacements_do_not(seed):
    graph = heavy_graph(seed)
    mirror = torch.tensor([1.0, 1.0, -1.0])
    atoms = graph.heavy_atoms
    mirrored = replace(graph, heavy_atoms=atoms._replace(pos=atoms.pos * mirror, side=atoms.side * mirror))
    before = predicted(small_expert(), [graph], [pose_of(graph)])
    after = predicted(small_expert(), [mirrored], [pose_of(graph) * mirror])
    close(after.scores.tr, before.scores.tr * mirror)
    close(after.scores.rot, -before.scores.rot * mirror)
    close(after.scores.tor, -before.scores.tor)
    close(after.field, before.field * mirror)


@given(seeds)
@settings(max_examples=8, deadline=None)
def test_order_of_atoms_does_not_matter(seed):
    graph = heavy_graph(seed)
    draws = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(graph.heavy_atoms.pos), generator=draws)
    shuffled = replace(graph, heavy_atoms=graph.heavy_atoms.take(order))
    before = predicted(small_expert(), [graph], [pose_of(graph)])
    for part, expected in zip(
        predicted(small_expert(), [shuffled], [pose_of(graph)]).scores, before.scores, strict=True
    ):
        close(part, expected)
    ligand = torch.randperm(graph.num_atoms, generator=draws)
    renamed = replace(permuted_atoms(graph, ligand), heavy_atoms=graph.heavy_atoms)
    after = predicted(small_expert(), [renamed], [pose_of(graph)[ligand]])
    for part, expected in zip(after.scores, before.scores, strict=True):
        close(part, expected)
    close(after.field[0], before.field[0, ligand])


def test_company_in_a_batch_does_not_matter():
    graphs = [heavy_graph(1), heavy_graph(2, 13), heavy_graph(3, 6, torsions=1)]
    poses = [pose_of(graph) for graph in graphs]
    together = predicted(small_expert(), graphs, poses)
    for row, (graph, pose) in enumerate(zip(graphs, poses, strict=True)):
        alone = predicted(small_expert(), [graph], [pose])
        close(together.scores.tr[row], alone.scores.tr[0])
        close(together.scores.rot[row], alone.scores.rot[0])
        close(together.scores.tor[row, : graph.num_torsions], alone.scores.tor[0])
        assert torch.all(together.scores.tor[row, graph.num_torsions :] == 0)
        assert torch.all(together.field[row, graph.num_atoms :] == 0)


def test_atoms_beyond_the_cutoff_are_not_seen_and_those_inside_are():
    graph = heavy_graph(4)
    pose = pose_of(graph)
    config = replace(SMALL, receptor_layers=0)
    expert = small_expert(config)
    atoms = graph.heavy_atoms
    far = torch.cdist(atoms.pos, pose).amin(1) > config.cutoff
    assert 0 < int(far.sum()) < len(far)
    before = predicted(expert, [graph], [pose]).scores.tr
    without = replace(graph, heavy_atoms=atoms.take((~far).nonzero()[:, 0]))
    close(predicted(expert, [without], [pose]).scores.tr, before)
    fewer = replace(graph, heavy_atoms=atoms.take(torch.cdist(atoms.pos, pose).amin(1).argsort()[1:]))
    assert (predicted(expert, [fewer], [pose]).scores.tr - before).abs().max() > 1e-3


def test_a_ligand_out_of_reach_of_the_receptor():
    graph = heavy_graph(5)
    scores = predicted(small_expert(), [graph], [pose_of(graph) + 500.0]).scores
    assert all(torch.isfinite(part).all() for part in scores)


def test_kinds_of_atoms_and_noise_levels_change_the_scores():
    graph = heavy_graph(6)
    atoms = graph.heavy_atoms
    other = replace(graph, heavy_atoms=atoms._replace(kind=atoms.kind.flip(0)))
    pose = pose_of(graph)
    before = predicted(small_expert(), [graph], [pose]).scores
    assert (predicted(small_expert(), [other], [pose]).scores.tr - before.tr).abs().max() > 1e-4
    sharper = levels(1)._replace(tor=torch.tensor([0.1]))
    assert (predicted(small_expert(), [graph], [pose], sharper).scores.tr - before.tr).abs().max() > 1e-5


@pytest.mark.parametrize("atoms", [1, 2, 3])
def test_ligands_of_few_atoms(atoms):
    graph = heavy_graph(7, atoms, torsions=0)
    found = predicted(PoseExpert(SMALL), [graph], [pose_of(graph)])
    assert all(torch.isfinite(part).all() for part in found.scores) and found.scores.tor.shape == (1, 0)
