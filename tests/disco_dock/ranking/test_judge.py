"""Evidence by hand; order of the poses does not matter; probabilities rise with the logit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disco_dock.ranking.evidence import EVIDENCE, LARGEST_LEAD, PoseInputs, Recurrence, evidence
from disco_dock.ranking.judge import HowMade, PoseJudge, ThresholdWeights
from disco_dock.runtime.config import from_dict, to_dict
from disco_dock.runtime.errors import ConfigError

MADE = HowMade(num_poses=40, steps=20, minimize="vina", moves=100)
NAMES = tuple(EVIDENCE)


def facts(seed: int, poses: int) -> PoseInputs:
    """Poses at random places on a line, near when within 2."""
    draws = np.random.default_rng(seed)
    place = draws.uniform(0, 8, poses)
    return PoseInputs(
        energy=draws.normal(-7, 2, poses),
        near=np.abs(place[:, None] - place[None]) < 2,
        confidence=draws.normal(size=poses),
        atoms=20,
        contacts=draws.normal(8, 2, poses),
        recurrence=Recurrence(draws.uniform(size=poses), draws.uniform(size=poses)),
    )


def judge(seed: int = 0, names: tuple[str, ...] = NAMES) -> PoseJudge:
    draws = np.random.default_rng(seed)
    fits = tuple(
        ThresholdWeights(threshold=limit, intercept=-1.0, weights=tuple(draws.normal(size=len(names)).tolist()))
        for limit in (2.0, 5.0)
    )
    return PoseJudge(evidence=names, thresholds=fits, made=MADE, complexes=100, poses=4000)


def permuted(known: PoseInputs, order: np.ndarray) -> PoseInputs:
    assert known.confidence is not None and known.contacts is not None and known.recurrence is not None
    return PoseInputs(
        energy=known.energy[order],
        near=known.near[np.ix_(order, order)],
        confidence=known.confidence[order],
        atoms=known.atoms,
        contacts=known.contacts[order],
        recurrence=Recurrence(*(share[order] for share in known.recurrence)),
    )


def test_evidence_by_hand():
    near = np.array([[True, True, False], [True, True, False], [False, False, True]])
    energy = np.array([-8.0, -6.0, -7.0])
    known = PoseInputs(energy=energy, near=near, confidence=None, atoms=10, contacts=-energy)
    found = {name: function(known).tolist() for name, function in EVIDENCE.items() if name != "confidence"}
    assert found["energy_per_atom"] == [-0.8, -0.6, -0.7]
    assert found["energy_gap"] == [0.0, 2.0, 1.0]
    assert found["lead"] == [1.0, -1.0, -1.0]
    assert found["agreement"] == [0.5, 0.5, 0.0]
    weights = np.exp([0.0, -2.0, -1.0])
    inside = (weights[0] + weights[1]) / weights.sum()
    odds = np.log((inside + 0.01) / (1 - inside + 0.01))
    assert found["basin"] == pytest.approx([odds, odds, -odds])
    for name in ("lead", "basin"):  # at 1 kcal/mol they are the same function of either score
        assert found[f"contacts_{name}"] == pytest.approx(found[name])
    assert found["contacts_per_atom"] == [0.8, 0.6, 0.7]
    assert found["log_atoms"] == pytest.approx([np.log(10)] * 3)
    assert found["contacts_recurrence"] == found["contacts_basin"]  # the poses are all that was found
    assert found["recurring"] == pytest.approx(np.array([1, 1, -1]) * np.log((2 / 3 + 0.01) / (1 / 3 + 0.01)))
    shares = Recurrence(np.array([0.5, 0.0, 1.0]), np.array([0.2, 0.5, 0.0]))
    more = replace(known, recurrence=shares)
    assert EVIDENCE["contacts_recurrence"](more) == pytest.approx([0.0, -np.log(101), np.log(101)])
    assert EVIDENCE["recurring"](more) == pytest.approx(np.log([0.21 / 0.81, 1.0, 0.01 / 1.01]))


def test_evidence_of_a_single_pose_is_finite():
    known = facts(0, 1)
    assert np.isfinite(evidence(known, NAMES)).all()
    assert EVIDENCE["agreement"](known) == [0.0] and EVIDENCE["lead"](known) == [LARGEST_LEAD]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), poses=st.integers(1, 30))
def test_the_order_of_the_poses_does_not_matter(seed: int, poses: int):
    known = facts(seed, poses)
    order = np.random.default_rng(seed).permutation(poses)
    one = judge(seed)
    np.testing.assert_allclose(one.logit(permuted(known, order)), one.logit(known)[order], rtol=0, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), poses=st.integers(2, 30))
def test_the_probability_rises_with_the_logit(seed: int, poses: int):
    one, known = judge(seed), facts(seed, poses)
    probability = one.probability(known, 2.0)
    assert probability is not None and ((probability >= 0) & (probability <= 1)).all()
    assert (np.diff(probability[np.argsort(one.logit(known), kind="stable")]) >= 0).all()


def test_thresholds_have_their_own_weights():
    one, known = judge(), facts(1, 5)
    far = one.probability(known, 5.0)
    assert far is not None and not np.allclose(far, one.probability(known, 2.0))
    assert one.probability(known, 3.0) is None


def test_a_judge_survives_the_config():
    assert from_dict(PoseJudge, to_dict(judge())) == judge()


def test_unknown_evidence_and_missing_weights_are_said():
    with pytest.raises(ConfigError, match="'luck' is unknown; known are energy_per_atom"):
        judge(names=("luck",))
    fits = (ThresholdWeights(threshold=2.0, intercept=0.0, weights=(1.0,)),)
    with pytest.raises(ConfigError, match="2 weights"):
        PoseJudge(evidence=("lead", "basin"), thresholds=fits, made=MADE, complexes=1, poses=1)


@pytest.mark.parametrize(("names", "needs"), [(("lead",), False), (("lead", "confidence"), True)])
def test_which_judges_need_a_confidence_model(names: tuple[str, ...], needs: bool):
    assert judge(names=names).needs_confidence is needs
