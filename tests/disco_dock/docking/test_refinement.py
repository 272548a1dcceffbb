"""Poses after physics: finalists are the best of distinct places, and only they are searched further."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from disco_dock.docking import refinement
from disco_dock.docking.pose_search import (
    RESTART_SHIFT,
    Minima,
    chosen_of_each,
    joined_minima,
    leaders,
    lowest_places,
    restarted,
    spread,
)
from disco_dock.docking.refinement import physics_for, refine, refinement_notes
from disco_dock.kernels.compiled import available
from disco_dock.physics.free_space import free_points
from disco_dock.physics.search_settings import Sphere
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.physics.vina_scorer import VinaField, VinaScorer
from disco_dock.ranking.contact_field import ContactField
from disco_dock.ranking.contact_network import ContactScorer, ContactScorerConfig
from disco_dock.ranking.contact_score import contact_score_of
from tests.disco_dock.physics.examples import example
from tests.disco_dock.physics.test_vina_energy import poses

compiled = pytest.mark.skipif(not available(), reason="no C compiler")


def test_places_are_apart_and_in_the_order_of_energy():
    shift = np.array([0.0, 0.5, 10.0, 10.5, 20.0])
    pos = np.zeros((5, 3, 3)) + shift[:, None, None]
    energy = np.array([-1.0, -2.0, -5.0, -4.0, 0.0])
    assert lowest_places(pos, energy, 2).tolist() == [2, 1]
    assert lowest_places(pos, energy, 10).tolist() == [2, 1, 4]
    assert lowest_places(pos, energy, 0).tolist() == []


@compiled
def test_finalists_alone_are_searched_further_and_none_gets_worse():
    receptor, ligand = example("1s3v")
    field, start = VinaField(receptor), poses("1s3v")[:6]
    first = refine(receptor, field, ligand, start, settings(0), seed=3, stream="a", with_strain=False)
    final = refine(receptor, field, ligand, start, settings(2), seed=3, stream="a", with_strain=False)
    assert first.energy is not None and final.energy is not None
    moved = np.flatnonzero((first.pos != final.pos).any((1, 2)))
    chosen = lowest_places(first.pos, first.energy, 2)
    assert len(moved) and set(moved) <= set(chosen)
    assert np.all(final.energy <= first.energy + 1e-4)
    again = refine(receptor, field, ligand, start, settings(2), seed=3, stream="a", with_strain=False)
    assert np.array_equal(again.pos, final.pos)
    assert "20 more in 2 places" in list(refinement_notes(final, settings(2)))[-1]


@compiled
def test_the_best_of_each_pose_and_its_restarts_is_kept():
    receptor, ligand = example("1s3v")
    field, start = VinaField(receptor), poses("1s3v")[:6]
    plain = PhysicsSettings(minimize="vina", moves=3)
    more = replace(plain, restarts=2)
    options = {"seed": 3, "stream": "a", "with_strain": False}
    first = refine(receptor, field, ligand, start, plain, **options)
    best = refine(receptor, field, ligand, start, more, **options)
    assert first.energy is not None and best.energy is not None
    assert np.all(best.energy <= first.energy + 1e-4) and np.any(best.energy < first.energy - 0.1)
    changed = (first.pos != best.pos).any((1, 2))
    assert 0 < changed.sum() and np.linalg.norm(first.pos.mean(1) - best.pos.mean(1), axis=1).max() < 12
    later = refine(receptor, field, ligand, start[4:], more, **options, first=4)
    assert np.array_equal(later.pos, best.pos[4:])  # whatever the other poses are
    assert "3 times from different orientations" in list(refinement_notes(best, more))[-1]

    scorer = contact_score_of(random_scorer(), ContactField(receptor, field.receptor), ligand)
    by_contacts = refine(receptor, field, ligand, start, more, **options, contacts=scorer)
    alone = refine(receptor, field, ligand, start, plain, **options, contacts=scorer)
    assert by_contacts.contacts is not None and alone.contacts is not None
    assert np.all(by_contacts.contacts >= alone.contacts - 1e-6)
    assert np.any(by_contacts.energy > best.energy + 1e-3)  # another choice than by energy


def test_poses_are_apart_where_there_are_other_minima():
    place = np.array([[0.0, 0.2, 0.1], [5.0, 0.3, 9.0], [0.1, 0.2, 20.0]])  # candidates of three poses, along a line
    found = np.zeros((3, 3, 4, 3)) + place[..., None, None]
    scores = np.array([[9.0, 8.0, 7.0], [1.0, 2.0, 3.0], [0.0, 0.0, 0.5]])

    def chosen(apart: float) -> list[float]:
        return place[chosen_of_each(found, scores, apart)].tolist()

    assert chosen(0.0) == [0.0, 0.2, 0.1]  # the best of each
    assert chosen(1.0) == [0.0, 5.0, 9.0]  # the second has copies only, and gets the best that is left
    assert chosen(40.0) == [0.0, 0.2, 0.1]  # there is nothing else, so each keeps its best
    scores[1, 2] = -np.inf
    assert chosen(1.0) == [0.0, 5.0, 20.0]


def test_a_copy_has_the_pose_of_lower_energy_for_its_leader():
    pos = np.zeros((5, 4, 3)) + np.array([0.0, 0.25, 0.5, 9.0, 9.1])[:, None, None] / np.sqrt(3)
    energy = np.array([-3.0, -4.0, -2.0, -1.0, -1.0])
    assert leaders(pos, energy, 0.3).tolist() == [1, 1, 1, 3, 3]
    assert leaders(pos, energy, 0.2).tolist() == [0, 1, 2, 3, 3]
    assert leaders(pos, energy, 0.0).tolist() == [0, 1, 2, 3, 4]


@compiled
def test_minima_are_all_that_the_searches_found_and_each_pose_is_one_of_them():
    receptor, ligand = example("1s3v")
    field, start = VinaField(receptor), poses("1s3v")[:6]
    sphere = Sphere(center=ligand.pos.mean(0), radius=10.0)
    how = PhysicsSettings(minimize="vina", moves=30, search="maps", restarts=2, scatter=1, basins=3, apart=1.0)
    options = {"seed": 3, "stream": "a", "with_strain": False, "sphere": sphere}
    scorer = contact_score_of(random_scorer(), ContactField(receptor, field.receptor), ligand)
    found = refine(receptor, field, ligand, start, how, **options, contacts=scorer)
    assert found.minima is not None and found.contacts is not None
    assert sorted(set(found.minima.search.tolist())) == list(range(4 * len(start)))  # a first, two restarts, a scatter
    assert np.bincount(found.minima.search).max() <= 3 and len(found.minima.pos) > 4 * len(start)
    assert len(np.unique(found.minima.pos, axis=0)) == len(found.minima.pos)
    for pose, score in zip(found.pos, found.contacts, strict=True):
        own = (found.minima.pos == pose).all((1, 2)).nonzero()[0]
        assert len(own) == 1
        copies = ((found.minima.pos - pose) ** 2).sum(2).mean(1) < 0.6**2
        assert found.minima.score[own[0]] == pytest.approx(score) or copies.sum() > 1
    alone = replace(how, restarts=0, scatter=0, basins=1, search="pairs")
    assert refine(receptor, field, ligand, start, alone, **options).minima is None


def test_minima_of_several_draws_keep_their_searches_apart():
    one = Minima(np.zeros((2, 4, 3)), np.array([1.0, 2.0]), np.array([0, 1]))
    both = joined_minima([one, one])
    assert both is not None
    assert both.search.tolist() == [0, 1, 2, 3] and both.score.tolist() == [1.0, 2.0, 1.0, 2.0]
    assert joined_minima([one, None]) is None and joined_minima([]) is None


@compiled
def test_basins_give_the_score_more_to_choose_from():
    receptor, ligand = example("1s3v")
    field, start = VinaField(receptor), poses("1s3v")[:6]
    one = PhysicsSettings(minimize="vina", moves=30, search="maps")
    options = {"seed": 3, "stream": "a", "with_strain": False}
    scorer = contact_score_of(random_scorer(), ContactField(receptor, field.receptor), ligand)
    several = replace(one, restarts=1, basins=4)
    by_energy = refine(receptor, field, ligand, start, several, **options)
    by_contacts = refine(receptor, field, ligand, start, several, **options, contacts=scorer)
    assert by_contacts.contacts is not None
    poor = scorer(by_energy.pos, VinaScorer(field, ligand.mol).score(by_energy.pos))
    assert np.all(by_contacts.contacts >= poor - 1e-6) and by_contacts.contacts.mean() > poor.mean() + 0.1
    distinct = refine(receptor, field, ligand, start, replace(one, restarts=1, basins=4, apart=1.0), **options)
    assert closest(distinct.pos) > 1.0
    assert (
        "2 times from different orientations on maps" in list(refinement_notes(distinct, replace(one, restarts=1)))[-1]
    )
    again = refine(receptor, field, ligand, start, replace(one, restarts=1, basins=4, apart=1.0), **options)
    assert np.array_equal(distinct.pos, again.pos)


@compiled
def test_a_pose_inside_the_receptor_is_searched_again_in_the_free_space_of_the_pocket():
    receptor, ligand = example("1s3v")
    field, start = VinaField(receptor), poses("1s3v")[:6]
    near = field.receptor.pos[np.linalg.norm(field.receptor.pos - ligand.pos.mean(0), axis=1) < 10]
    crowd = (np.linalg.norm(near[:, None] - field.receptor.pos, axis=2) < 6).sum(1)
    start[4:] += near[np.argsort(-crowd)[:2], None] - start[4:].mean(1, keepdims=True)
    sphere = Sphere(center=ligand.pos.mean(0), radius=10.0)
    plain = PhysicsSettings(minimize="vina", moves=0)
    options = {"seed": 3, "stream": "a", "with_strain": False}
    blind = refine(receptor, field, ligand, start, plain, **options)
    told = refine(receptor, field, ligand, start, plain, **options, sphere=sphere)
    assert blind.energy is not None and told.energy is not None
    lost = blind.energy > 0
    assert lost.any() and np.any(told.energy[lost] < blind.energy[lost] - 2)
    assert not lost[:4].any() and np.array_equal(told.pos[:4], blind.pos[:4])  # nothing changes for the others

    scattered = refine(receptor, field, ligand, start, replace(plain, scatter=3), **options, sphere=sphere)
    assert scattered.energy is not None
    assert np.all(scattered.energy <= blind.energy + 1e-4) and np.any(scattered.energy < blind.energy - 0.1)
    assert np.array_equal(
        refine(receptor, field, ligand, start, replace(plain, scatter=3), **options).pos, blind.pos
    )  # without a pocket there is nowhere to scatter


def test_free_points_have_room_and_are_in_the_pocket():
    receptor, ligand = example("1s3v")
    atoms, sphere = VinaField(receptor).receptor.pos, Sphere(center=ligand.pos.mean(0), radius=8.0)
    points = free_points(atoms, sphere, 0)
    distance = np.linalg.norm(points[:, None] - atoms, axis=2).min(1)
    assert len(points) > 100 and distance.min() > 3 and distance.max() < 6
    assert np.linalg.norm(points - sphere.center, axis=1).max() <= 8
    filled = Sphere(center=atoms[np.linalg.norm(atoms - atoms.mean(0), axis=1).argmin()], radius=1.0)
    assert len(free_points(atoms, filled, 0)) == 0


def closest(pos: np.ndarray) -> float:
    """Smallest RMSD of two poses."""
    first, second = np.triu_indices(len(pos), 1)
    return float(np.sqrt(((pos[first] - pos[second]) ** 2).sum(2).mean(1)).min())


def random_scorer() -> ContactScorer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        scorer = ContactScorer(ContactScorerConfig(members=2, hidden=4)).eval().requires_grad_(False)
        scorer.outer.normal_(std=50.0)
    return scorer


def test_starts_are_spread_over_shapes_and_the_poses_own_is_one():
    pos, shapes = np.zeros((3, 2, 3)), np.stack([np.full((2, 3), float(number)) for number in range(3)])
    found = spread(pos + 9.0, shapes, range(4, 7), 2)[:, 0, 0].tolist()
    assert found == [1.0, 2.0, 9.0, 2.0, 9.0, 1.0]  # of samples 4, 5 and 6, and then of their second starts
    assert spread(pos + 9.0, shapes[:1], range(4, 7), 2)[:, 0, 0].tolist() == [9.0] * 6


@compiled
def test_restarts_turn_and_twist_about_the_place():
    _, ligand = example("1s3v")
    pos = poses("1s3v")[:3]
    starts, seeds = restarted(ligand, np.tile(pos, (4, 1, 1)), pos.mean(1), key=("restart", 0, "a"), first=0, count=4)
    assert starts.shape == (12, *pos.shape[1:]) and len(set(seeds)) == 12
    away = np.linalg.norm(starts.mean(1) - np.tile(pos.mean(1), (4, 1)), axis=1)
    assert 0.1 < away.mean() < 4 * RESTART_SHIFT
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in ligand.mol.GetBonds()]
    before, after = (
        np.array([np.linalg.norm(one[:, i] - one[:, j], axis=1) for i, j in bonds]) for one in (pos, starts)
    )
    np.testing.assert_allclose(after, np.tile(before, (1, 4)), atol=1e-6)
    centred = starts - starts.mean(1, keepdims=True)
    assert np.sqrt(((centred[:3] - centred[3:6]) ** 2).sum(2).mean(1)).min() > 0.5


def settings(finalists: int) -> PhysicsSettings:
    return PhysicsSettings(minimize="vina", moves=2, finalists=finalists, final_moves=20)


def test_without_compiled_kernels_the_checkpoints_search_is_shorter_and_a_users_is_not(monkeypatch):
    receptor, _ = example("1uou")
    own = PhysicsSettings(minimize="vina", search="maps", moves=300, restarts=3, scatter=1, apart=1.0, basins=2)
    monkeypatch.setattr(refinement, "available", lambda: True)
    assert physics_for(receptor, own, requested=False) == (own, "")
    monkeypatch.setattr(refinement, "available", lambda: False)
    assert physics_for(receptor, own, requested=True) == (own, "")
    fewer, why = physics_for(receptor, own, requested=False)
    assert fewer == replace(own, search="pairs", moves=100, restarts=1, basins=1)
    assert "100 moves in the place of 300" in why and "disco-dock doctor" in why
