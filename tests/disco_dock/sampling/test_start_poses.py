"""Partial diffusion: poses that start from given ones, noised to a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from disco_dock.diffusion.sampler_config import SamplerConfig
from disco_dock.diffusion.schedule import NoiseConfig, sigmas
from disco_dock.runtime.random import PoseRandom
from disco_dock.sampling.initial import StartPoses
from disco_dock.sampling.network_batch import Complexes
from disco_dock.sampling.restraint import PocketRestraint
from disco_dock.sampling.sample import dock
from disco_dock.sampling.settings import DockingSettings
from tests.support.graphs import random_graph
from tests.support.pose_expert import SMALL, heavy_graph, small_expert

STEPS = 10


@pytest.fixture(scope="module")
def graph():
    return replace(random_graph(1), origin=np.array([10.0, -20.0, 30.0]))


def starts(graph, t, *shifts):
    """The conformer, bent a little so that it is not the conformer, at some places."""
    pos = graph.conformer * torch.tensor([1.1, 1.0, 1.0])
    return StartPoses(pos=torch.stack([pos + shift for shift in shifts or (0.0,)]), t=t)


def settings(graph, t, *shifts, **changes):
    base = DockingSettings(num_poses=5, seed=3, sampler=SamplerConfig(steps=STEPS))
    return replace(base, start=starts(graph, t, *shifts), **changes)


def test_little_noise_leaves_a_pose_where_it_is(models, graph):
    found = dock(models, graph, settings(graph, 0.02, 0.0, 25.0), name="a")
    begun = starts(graph, 0.02, 0.0, 25.0).pos.numpy()[[0, 1, 0, 1, 0]] + graph.origin
    assert np.sqrt(((found.pos - begun) ** 2).sum(-1).mean(-1)).max() < 1.5
    assert np.abs(found.pos - begun).max() > 1e-3


def test_bond_lengths_are_those_of_the_start(models, graph):
    found = dock(models, graph, settings(graph, 0.5), name="a")
    first, second = graph.bond_index
    own = starts(graph, 0.5).pos[0]
    before = (own[first] - own[second]).norm(dim=-1).numpy()
    after = np.linalg.norm(found.pos[:, first] - found.pos[:, second], axis=-1)
    np.testing.assert_allclose(after, np.broadcast_to(before, after.shape), atol=1e-4)


@pytest.mark.parametrize("changes", [{"batch_size": 1}, {"batch_size": 40}, {"first": 3, "num_poses": 2}])
def test_pose_is_the_same_bit_for_bit_in_any_call(models, graph, changes):
    whole = dock(models, graph, settings(graph, 0.4, 0.0, 2.0, 4.0), name="a")
    again = dock(models, graph, replace(settings(graph, 0.4, 0.0, 2.0, 4.0), **changes), name="a")
    np.testing.assert_array_equal(again.pos, whole.pos[changes.get("first", 0) :])


@pytest.mark.parametrize(("t", "steps"), [(1.0, 10), (0.5, 5), (0.31, 4), (0.01, 1)])
def test_steps_are_the_share_of_the_way(models, graph, t, steps):
    told, record = [], settings(graph, t, num_poses=2, record=True)
    found = dock(models, graph, record, name="a", on_step=lambda done, of: told.append((done, of)))
    assert told[-1] == (2 * steps, 2 * steps) and len(told) == steps
    assert found.frames is not None and found.frames.shape[1] == steps + 1


def test_noise_is_that_of_the_time(graph):
    noise, t, poses = NoiseConfig(), 0.5, 4000
    whole = graph_batch(graph, poses)
    found = starts(graph, t).noised(range(poses), whole.topology, PoseRandom(0, "x", range(poses)), noise=noise)
    moved = found.mean(1) - starts(graph, t).pos[0].mean(0)
    level = sigmas(t, noise)
    torch.testing.assert_close(moved.std(0), torch.full((3,), float(level.tr)), rtol=0.05, atol=0)
    torch.testing.assert_close(moved.mean(0), torch.zeros(3), rtol=0, atol=0.1)


def graph_batch(graph, poses):
    from disco_dock.graph.batch import collate

    return collate([graph], radius=15.0, neighbours=8).expand(poses)


def test_a_pocket_holds_the_start(models, graph):
    pocket = PocketRestraint(center=torch.tensor([5.0, 0.0, 0.0]), radius=2.0)
    found = dock(models, graph, settings(graph, 0.6, 0.0, 9.0, pocket=pocket, record=True), name="a")
    places = found.frames.mean(2) - graph.origin - [5.0, 0.0, 0.0]
    assert np.linalg.norm(places, axis=-1).max() < 2.001


def test_a_pose_expert_does_all_of_it(models, monkeypatch):
    with_expert = replace(models, expert=small_expert(), config=replace(models.config, expert=SMALL))
    heavy = replace(heavy_graph(1), origin=np.zeros(3))
    asked, pose = [], Complexes.pose_scores

    def counted(self, graphs, pos, sigma):
        asked.append(float(sigma.tr))
        return pose(self, graphs, pos, sigma)

    monkeypatch.setattr(Complexes, "scores", lambda *args, **more: pytest.fail("the score model was asked"))
    monkeypatch.setattr(Complexes, "pose_scores", counted)
    told, own = [], SamplerConfig(steps=6)
    chosen = settings(heavy, 0.5, num_poses=2, expert_sampler=own)
    dock(with_expert, heavy, chosen, name="a", on_step=lambda done, of: told.append((done, of)))
    assert len(asked) == 3 and asked == sorted(asked, reverse=True) and told[-1] == (6, 6)
    context = Complexes(with_expert, [heavy], chosen, ["a"])
    assert asked[0] == pytest.approx(float(sigmas(0.5, context.handover.noise).tr))
