"""Poses after physics: finalists are the best of distinct places, and only they are searched further."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from disco_dock.docking.refinement import RESTART_SHIFT, lowest_places, refine, refinement_notes, restarted
from disco_dock.kernels.compiled import available
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.physics.vina_scorer import VinaField
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


def random_scorer() -> ContactScorer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        scorer = ContactScorer(ContactScorerConfig(members=2, hidden=4)).eval().requires_grad_(False)
        scorer.outer.normal_(std=5.0)
    return scorer


@compiled
def test_restarts_turn_and_twist_about_the_place():
    _, ligand = example("1s3v")
    pos = poses("1s3v")[:3]
    starts, seeds = restarted(ligand, pos, key=("restart", 0, "a"), first=0, count=4)
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
