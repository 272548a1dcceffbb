"""Sampling that goes from the score model to a pose expert."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from disco_dock.diffusion.sampler_config import SamplerConfig
from disco_dock.diffusion.schedule import NoiseConfig, Scores, sigmas
from disco_dock.runtime.errors import CheckpointError
from disco_dock.sampling.network_batch import Complexes
from disco_dock.sampling.pose_scores import Handover
from disco_dock.sampling.sample import dock
from disco_dock.sampling.settings import DockingSettings
from disco_dock.sampling.several_ligands import dock_together
from tests.support.pose_expert import SMALL, heavy_graph, small_expert

SETTINGS = DockingSettings(num_poses=5, seed=3, sampler=SamplerConfig(steps=4), expert_sampler=SamplerConfig(steps=3))


@pytest.fixture(scope="module")
def with_expert(models):
    expert = small_expert()
    return replace(models, expert=expert, config=replace(models.config, expert=SMALL))


@pytest.fixture(scope="module")
def graph():
    return replace(heavy_graph(1), origin=np.array([10.0, -20.0, 30.0]))


def test_where_the_expert_takes_over():
    noise = NoiseConfig()
    found = Handover.at(3.5, noise, 20)
    begun = [float(sigmas(1 - step / 20, noise).tr) for step in range(found.steps + 1)]
    assert all(level > 3.5 for level in begun[:-1]) and begun[-1] <= 3.5
    assert found.noise.tr_max == pytest.approx(begun[-1])
    assert (found.noise.rot_max, found.noise.tor_max) == (noise.rot_max, noise.tor_max)
    assert Handover.at(19.0, noise, 20).steps == 0
    assert Handover.at(1e-3, noise, 4).steps == 4  # the last step begins above it


def test_both_networks_are_asked_in_their_turn(with_expert, graph, monkeypatch):
    asked = []
    score, pose = Complexes.scores, Complexes.pose_scores

    def first(self, graphs, pos, t, code, *, null):
        asked.append(("score", float(sigmas(t, NoiseConfig()).tr)))
        return score(self, graphs, pos, t, code, null=null)

    def second(self, graphs, pos, sigma):
        asked.append(("expert", float(sigma.tr)))
        return pose(self, graphs, pos, sigma)

    monkeypatch.setattr(Complexes, "scores", first)
    monkeypatch.setattr(Complexes, "pose_scores", second)
    told = []
    settings = replace(SETTINGS, record=True, num_poses=2)
    found = dock(with_expert, graph, settings, name="a", on_step=lambda done, of: told.append((done, of)))
    assert [name for name, _ in asked] == ["score"] * 2 + ["expert"] * 3  # 19 and 5.1 Angstrom, then from 1.4
    levels = [level for _, level in asked]
    assert levels == sorted(levels, reverse=True) and levels[2] <= 3.5 < levels[1]
    assert found.frames is not None and found.frames.shape[1] == 6 and told[-1] == (10, 10)
    np.testing.assert_allclose(found.frames[:, -1], found.pos, atol=1e-4)


@pytest.mark.parametrize("batch_size", [1, 3, 40])
def test_pose_is_the_same_bit_for_bit_at_every_batch_size_and_in_any_call(with_expert, graph, batch_size):
    whole = dock(with_expert, graph, SETTINGS, name="a")
    again = dock(with_expert, graph, replace(SETTINGS, batch_size=batch_size), name="a")
    np.testing.assert_array_equal(again.pos, whole.pos)
    later = dock(with_expert, graph, replace(SETTINGS, first=3, num_poses=2), name="a")
    np.testing.assert_array_equal(later.pos, whole.pos[3:])
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        np.testing.assert_array_equal(dock(with_expert, graph, SETTINGS, name="a").pos, whole.pos)
    finally:
        torch.set_num_threads(threads)


def test_the_expert_changes_the_poses(with_expert, models, graph):
    without = dock(models, graph, SETTINGS, name="a")
    assert np.abs(dock(with_expert, graph, SETTINGS, name="a").pos - without.pos).max() > 0.1


def test_blank_rows_get_no_score(with_expert, graph):
    context = Complexes(with_expert, [graph], SETTINGS, ["a"])
    graphs = context.batch.expand(3).only(torch.tensor([True, False, True]))
    pos = graph.conformer.expand(3, -1, -1)
    scores = context.pose_scores(graphs, pos, sigmas(0.5, NoiseConfig(tr_max=3.0)))
    assert isinstance(scores, Scores)
    for part in scores:
        assert torch.all(part[1] == 0) and part[0].abs().max() > 0
        assert torch.equal(part[0], part[2])


def test_a_complex_without_atoms_is_refused(with_expert, graph):
    with pytest.raises(CheckpointError, match="needs the receptor's atoms"):
        dock(with_expert, replace(graph, heavy_atoms=None), SETTINGS, name="a")


def test_a_pose_has_the_same_bits_beside_other_ligands(with_expert):
    """Of as many atoms, with other bonds and torsions."""
    first = heavy_graph(1, torsions=1)
    receptor = {name: value for name, value in vars(first).items() if name.startswith("rec_")}
    others = [replace(heavy_graph(k, torsions=k), **receptor, heavy_atoms=first.heavy_atoms) for k in (2, 4)]
    graphs, names, settings = [first, *others], ["a", "b", "c"], replace(SETTINGS, num_poses=2)
    together = dock_together(with_expert, graphs, settings, names, shares=(0, 1, 2))
    for graph, name, found in zip(graphs, names, together, strict=True):
        np.testing.assert_array_equal(found.pos, dock(with_expert, graph, settings, name=name).pos)
