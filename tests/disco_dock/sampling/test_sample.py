"""Docking one complex: reproducible by pose, in the receptor's frame, in the pocket, stopped by bad numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from disco_dock.diffusion.sampler_config import SamplerConfig
from disco_dock.diffusion.schedule import Scores
from disco_dock.kernels.compiled import available
from disco_dock.latents.guidance import GuidanceConfig
from disco_dock.runtime.errors import ConfigError, NumericsError
from disco_dock.runtime.random import PoseRandom
from disco_dock.sampling.initial import initial_poses
from disco_dock.sampling.latent_choice import LatentChoice
from disco_dock.sampling.restraint import PocketRestraint, project
from disco_dock.sampling.reverse import check_finite, guided, reverse_diffusion
from disco_dock.sampling.sample import DockingSettings, concatenate_docked, dock, survey_prior
from disco_dock.training.presets import preset
from tests.support.graphs import random_graph

SIZES = preset("tiny")
SETTINGS = DockingSettings(num_poses=9, seed=3, sampler=SamplerConfig(steps=3))
PARTS = ((0, 3), (3, 2), (5, 4))  # first pose and number of poses


@pytest.fixture(scope="module")
def graph():
    return replace(random_graph(1), origin=np.array([10.0, -20.0, 30.0]))


@pytest.fixture(scope="module")
def docked(models, graph):
    return dock(models, graph, SETTINGS, name="a")


@pytest.mark.parametrize("batch_size", [1, 2, 4, 5, 40])
def test_pose_is_the_same_bit_for_bit_at_every_batch_size(models, graph, docked, batch_size):
    again = dock(models, graph, replace(SETTINGS, batch_size=batch_size), name="a")
    for field in ("pos", "latent_nodes", "latent_log_prob", "confidence"):
        np.testing.assert_array_equal(getattr(again, field), getattr(docked, field), err_msg=field)


def test_the_receptor_is_computed_once_for_many_ligands(models, graph, docked, monkeypatch):
    states = {}
    other = replace(random_graph(2), **{name: getattr(graph, name) for name in vars(graph) if name.startswith("rec_")})
    dock(models, other, SETTINGS, name="b", states=states)
    networks = (models.score, models.prior, models.confidence)
    assert set(states) == {id(network.trunk) for network in networks}
    for network in networks:
        monkeypatch.setattr(network.trunk, "receptor_state", pytest.fail)
    again = dock(models, graph, SETTINGS, name="a", states=states)
    for field in ("pos", "latent_nodes", "latent_log_prob", "confidence"):
        np.testing.assert_array_equal(getattr(again, field), getattr(docked, field), err_msg=field)


def test_poses_sampled_later_are_those_of_one_call(models, graph, docked):
    rounds = [
        dock(models, graph, replace(SETTINGS, first=first, num_poses=num), name="a") for first, num in ((0, 8), (8, 1))
    ]
    for field in ("pos", "latent_nodes", "latent_log_prob", "confidence"):
        joined = np.concatenate([getattr(part, field) for part in rounds])
        np.testing.assert_array_equal(joined, getattr(docked, field), err_msg=field)


@pytest.mark.skipif(not available(), reason="no C compiler")
@pytest.mark.parametrize("threads", [1, 3])
def test_pose_is_the_same_bit_for_bit_at_every_number_of_threads(models, graph, docked, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        again = dock(models, graph, SETTINGS, name="a")
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(again.pos, docked.pos)
    np.testing.assert_array_equal(again.confidence, docked.confidence)


def test_pose_does_not_depend_on_the_number_of_poses(models, graph, docked):
    few = dock(models, graph, replace(SETTINGS, num_poses=3), name="a")
    np.testing.assert_array_equal(few.pos, docked.pos[:3])


def test_poses_from_a_number_on_are_those_of_the_whole_bit_for_bit(models, graph, docked):
    parts = [dock(models, graph, replace(SETTINGS, first=first, num_poses=count), name="a") for first, count in PARTS]
    whole = concatenate_docked(parts)
    for name in ("pos", "latent_nodes", "latent_log_prob", "confidence", "logits"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(docked, name))
    np.testing.assert_array_equal(docked.take(slice(3, 5)).pos, parts[1].pos)


def test_seed_and_name_change_the_poses(models, graph, docked):
    for settings, name in ((replace(SETTINGS, seed=4), "a"), (SETTINGS, "b")):
        assert np.abs(dock(models, graph, settings, name=name).pos - docked.pos).max() > 0.1


def test_poses_are_moved_with_the_origin(models, graph, docked):
    moved = dock(models, replace(graph, origin=graph.origin + 5.0), SETTINGS, name="a")
    np.testing.assert_allclose(moved.pos, docked.pos + 5.0, atol=1e-9)


def test_bond_lengths_are_those_of_the_conformer(graph, docked):
    first, second = graph.bond_index
    before = (graph.conformer[first] - graph.conformer[second]).norm(dim=-1).numpy()
    after = np.linalg.norm(docked.pos[:, first] - docked.pos[:, second], axis=-1)
    np.testing.assert_allclose(after, np.broadcast_to(before, after.shape), atol=1e-4)


def test_latents_are_nodes(graph, docked):
    assert docked.latent_nodes.shape == (9, 2)
    assert docked.latent_nodes.min() >= 0 and docked.latent_nodes.max() < graph.num_atoms + graph.num_residues
    assert (docked.latent_log_prob < 0).all()


def test_forced_latents(models, graph):
    codes = np.full((9, 2), 4, dtype=np.int64)
    found = dock(models, graph, replace(SETTINGS, codes=codes), name="a")
    np.testing.assert_array_equal(found.latent_nodes, codes)


def test_cold_prior_takes_its_best_guess(models, graph):
    found = dock(models, graph, replace(SETTINGS, latent_inverse_temperature=1e4), name="a")
    assert (found.latent_nodes == found.latent_nodes[0]).all()


def test_without_prior_the_null_latents_are_used(models, graph):
    plain = replace(models, prior=None)
    found = dock(plain, graph, SETTINGS, name="a")
    assert found.latent_nodes.shape == (9, 0) and np.isfinite(found.pos).all()
    # guidance between equal scores changes nothing
    guidance = GuidanceConfig(weight=2.0)
    np.testing.assert_allclose(
        dock(plain, graph, replace(SETTINGS, guidance=guidance), name="a").pos, found.pos, atol=1e-3
    )


def test_progress_reaches_the_end(models, graph):
    seen = []
    settings = replace(SETTINGS, batch_size=4)
    dock(models, graph, settings, name="a", on_step=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen) and seen[-1] == (27, 27)


def test_pocket_keeps_every_centroid(models, graph):
    pocket = PocketRestraint(center=torch.tensor([4.0, 5.0, -6.0]), radius=3.0)
    found = dock(models, graph, replace(SETTINGS, pocket=pocket), name="a")
    distance = np.linalg.norm(found.pos.mean(1) - graph.origin - np.array([4.0, 5.0, -6.0]), axis=-1)
    assert distance.max() <= 3.0 + 1e-3


def test_pocket_start_fills_the_ball():
    pocket = PocketRestraint(center=torch.tensor([1.0, 2.0, 3.0]), radius=4.0)
    radius = (pocket.start(torch.rand(4000, 3)) - pocket.center).norm(dim=-1)
    assert float(radius.max()) <= 4.0 + 1e-5
    assert float((radius < 2.0).float().mean()) == pytest.approx(1 / 8, abs=0.03)  # uniform in volume
    pos = torch.randn(50, 6, 3) * 5
    kept = project(pocket, pos)
    inside = (pos.mean(1) - pocket.center).norm(dim=-1) <= 4.0
    assert torch.equal(kept[inside], pos[inside])
    assert float((kept.mean(1) - pocket.center).norm(dim=-1).max()) <= 4.0 + 1e-4
    with pytest.raises(ConfigError, match="radius"):
        PocketRestraint(center=torch.zeros(3), radius=0.0)


def test_start_has_the_spread_of_the_largest_noise(graph):
    from disco_dock.graph.batch import collate

    rows = collate([graph]).expand(400)
    start = initial_poses(rows.conformer, rows.topology, PoseRandom(0, "x", range(400)), tr_sigma=19.0)
    assert float(start.mean(1).std(0).mean()) == pytest.approx(19.0, rel=0.1)
    angles = start - start.mean(1, keepdim=True)
    assert float(angles[:, 0].mean(0).norm()) < 0.5  # orientations cancel


@pytest.mark.parametrize("component", ["tr", "rot", "tor"])
def test_score_that_is_not_finite_stops_with_its_place(component, graph):
    from disco_dock.graph.batch import collate

    rows = collate([graph]).expand(3)

    def score(pos, t):
        values = Scores(torch.zeros(3, 3), torch.zeros(3, 3), torch.zeros(3, graph.num_torsions))
        if t < 0.6:
            getattr(values, component)[1, 0] = float("nan")
        return values

    random = PoseRandom(0, "c", [5, 6, 7])
    with pytest.raises(NumericsError) as error:
        reverse_diffusion(
            score,
            rows.conformer,
            rows.topology,
            random,
            noise=SIZES.score.noise,
            config=SamplerConfig(steps=4),
            name="c",
        )
    message = str(error.value)
    assert message.startswith("c:") and f"the {component} score of pose 6" in message and "t = 0.500" in message


def test_check_finite_accepts_no_torsions():
    check_finite(Scores(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2, 0)), name="x", t=1.0, indices=[0, 1])


def test_guidance_calls_the_null_score_only_where_it_acts():
    calls = []

    def conditional(pos, t):
        return Scores(torch.ones(1, 3), torch.ones(1, 3), torch.ones(1, 0))

    def null(pos, t):
        calls.append(t)
        return Scores(torch.zeros(1, 3), torch.zeros(1, 3), torch.zeros(1, 0))

    score = guided(conditional, null, GuidanceConfig(weight=1.5, t_min=0.2, t_max=0.8))
    assert float(score(torch.zeros(1, 2, 3), 0.9).tr[0, 0]) == 1.0
    assert float(score(torch.zeros(1, 2, 3), 0.5).tr[0, 0]) == 2.5
    assert calls == [0.5]


def test_poses_are_spread_over_the_most_probable_modes(models, graph, docked):
    found = dock(models, graph, replace(SETTINGS, choice=LatentChoice(modes=4)), name="a")
    assert found.survey is not None and found.survey.codes.shape == (4, 2)
    np.testing.assert_array_equal(found.latent_nodes, found.survey.codes[np.arange(9) % 4])
    np.testing.assert_allclose(found.latent_log_prob, found.survey.log_prob[np.arange(9) % 4], atol=1e-6)
    assert (np.diff(found.survey.log_prob) <= 0).all()
    assert docked.latent_log_prob.max() <= found.survey.log_prob[0] + 1e-6  # no draw beats the best mode
    few = dock(models, graph, replace(SETTINGS, num_poses=3, choice=LatentChoice(modes=4)), name="a")
    np.testing.assert_array_equal(few.pos, found.pos[:3])


def test_forced_and_avoided_nodes(models, graph, docked):
    choice = LatentChoice(forced=(-1, 5), avoided=tuple(set(docked.latent_nodes[:, 0].tolist()) - {5}))
    found = dock(models, graph, replace(SETTINGS, choice=choice), name="a")
    assert (found.latent_nodes[:, 1] == 5).all()
    assert not set(found.latent_nodes[:, 0].tolist()) & set(choice.avoided)


def test_a_mode_does_not_depend_on_what_is_drawn_before(models, graph):
    settings = replace(SETTINGS, choice=LatentChoice(modes=4))
    whole, later = (dock(models, graph, one, name="a") for one in (settings, replace(settings, first=3, num_poses=5)))
    np.testing.assert_array_equal(later.pos, whole.pos[3:8])


def test_survey_is_a_distribution_that_leaves_the_poses_alone(models, graph, docked):
    found = dock(models, graph, replace(SETTINGS, choice=LatentChoice(survey=True)), name="a")
    np.testing.assert_array_equal(found.pos, docked.pos)
    assert found.survey is not None and len(found.survey.codes) == 0
    assert found.survey.marginal.shape == (graph.num_atoms + graph.num_residues,)
    assert found.survey.marginal.sum() == pytest.approx(1.0) and docked.survey is None
    alone = survey_prior(models, graph, SETTINGS)
    np.testing.assert_allclose(alone.marginal, found.survey.marginal)
    with pytest.raises(ConfigError, match="no prior"):
        survey_prior(replace(models, prior=None), graph, SETTINGS)


def test_recorded_steps_end_at_the_pose(models, graph, docked):
    found = dock(models, graph, replace(SETTINGS, record=True), name="a")
    assert docked.frames is None and found.frames is not None and found.frames.shape[:2] == (9, 4)
    np.testing.assert_array_equal(found.pos, docked.pos)
    np.testing.assert_allclose(found.frames[:, -1], found.pos, atol=1e-4)


def test_all_thresholds_are_kept(docked):
    assert docked.logits is not None and docked.logits.shape == (9, len(SIZES.confidence.thresholds))
    np.testing.assert_array_equal(docked.logits[:, 0], docked.confidence)
