"""Sampling in rounds: the same poses as at once, and stops where the rule says so."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from rdkit import Chem

from disco_dock.sampling.sample import DockedPoses, DockingSettings
from disco_dock.screening.workers import sampling_rounds
from disco_dock.screening.workers.sampling_rounds import RoundSampler, StopRule, agree, concatenate_docked

MOL = Chem.MolFromSmiles("CCCO")
SHAPE = np.random.default_rng(0).normal(size=(MOL.GetNumAtoms(), 3))
NOTHING = SimpleNamespace()


class Docker:
    """Poses `places[k]` Angstrom along x with confidence `confidence[k]`."""

    def __init__(self, places, confidence):
        self.places, self.confidence_, self.calls = np.asarray(places, float), np.asarray(confidence, float), []

    def __call__(self, models, graph, settings, **options):
        self.calls.append((settings.first, settings.num_poses))
        own = slice(settings.first, settings.first + settings.num_poses)
        pos = SHAPE[None] + np.array([1.0, 0, 0]) * self.places[own, None, None]
        count = len(pos)
        nodes, log_prob = np.zeros((count, 0), np.int64), np.zeros(count)
        return DockedPoses(
            pos=pos, latent_nodes=nodes, latent_log_prob=log_prob, confidence=self.confidence_[own], logits=None
        )


@pytest.fixture(autouse=True)
def _short_rounds(monkeypatch):
    monkeypatch.setattr(sampling_rounds, "CPU_GROUP", 4)


def sample(docker, rule, num_poses=12):
    sampler = RoundSampler(docker, MOL, rule)
    return sampler, sampler(NOTHING, NOTHING, DockingSettings(num_poses=num_poses, batch_size=5))


def test_without_a_rule_there_is_one_call():
    docker = Docker(range(12), range(12))
    sampler, docked = sample(docker, StopRule())
    assert docker.calls == [(0, 12)]
    assert not sampler.converged
    assert sampler.fitted == 5
    assert len(docked.pos) == 12


def test_rounds_that_do_not_stop_give_all_poses_in_order():
    docker = Docker(10 * np.arange(12), range(12))  # the best pose moves in every round
    sampler, docked = sample(docker, StopRule(converged=True), num_poses=11)
    assert docker.calls == [(0, 4), (4, 4), (8, 3)]
    assert not sampler.converged
    whole = Docker(10 * np.arange(12), range(12))(NOTHING, NOTHING, DockingSettings(num_poses=11))
    np.testing.assert_array_equal(docked.pos, whole.pos)
    np.testing.assert_array_equal(docked.confidence, whole.confidence)


def test_sampling_stops_when_the_best_pose_stays_and_enough_are_near_it():
    places = [0, 50, 0.5, 90, 0.2, 0.4, 70, 30, 0, 0, 0, 0]
    docker = Docker(places, [9, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8])
    sampler, docked = sample(docker, StopRule(converged=True))
    assert docker.calls == [(0, 4), (4, 4)]
    assert sampler.converged
    assert len(docked.pos) == 8


def test_a_lonely_best_pose_is_no_convergence():
    docker = Docker([0, 50, 60, 90, 20, 30, 70, 40, 10, 80, 5, 15], [9, *range(11)])
    sampler, docked = sample(docker, StopRule(converged=True))
    assert len(docked.pos) == 12
    assert not sampler.converged


def test_a_time_budget_stops_after_the_round_that_used_it_up(monkeypatch):
    clock = iter([0.0, 1.0, 2.5, 9.0])
    monkeypatch.setattr(sampling_rounds, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    docker = Docker(range(40), range(40))
    _, docked = sample(docker, StopRule(seconds=2.0), num_poses=40)
    assert docker.calls == [(0, 4), (4, 4)]
    assert len(docked.pos) == 8


def test_agreement_is_of_symmetric_molecules_too():
    mol = Chem.MolFromSmiles("Cc1ccccc1")
    pos = np.random.default_rng(0).normal(size=(7, 3)) * 3
    flipped = pos[[0, 1, 6, 5, 4, 3, 2]]
    assert agree(mol, np.stack([pos, flipped, pos, flipped]), pos, flipped)
    assert not agree(mol, np.stack([pos, flipped, pos, pos + 9]), pos, flipped)


def test_one_part_is_itself():
    part = Docker([0], [1])(NOTHING, NOTHING, DockingSettings(num_poses=1))
    assert concatenate_docked([part]) is part


def test_missing_confidence_stays_missing():
    parts = []
    for _ in range(2):
        part = Docker([0], [1])(NOTHING, NOTHING, DockingSettings(num_poses=1))
        parts.append(DockedPoses(**{**vars(part), "confidence": None}))
    assert concatenate_docked(parts).confidence is None
    with pytest.raises(AttributeError):
        _ = concatenate_docked(parts).nothing  # type: ignore[attr-defined]
