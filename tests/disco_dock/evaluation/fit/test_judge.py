"""The fit finds a planted rule, refuses what it must not see, and its reliability is of other complexes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from disco_dock.evaluation.fit.judge import FEWEST, cross_validated, fit_judge, judge_reliability, log_loss
from disco_dock.evaluation.fit.pose_rows import PoseRow
from disco_dock.ranking.judge import HowMade
from disco_dock.runtime.errors import ConfigError
from tests.support.pose_rows import planted_rows

NAMES = ("energy_per_atom", "agreement", "confidence")
MADE = HowMade(num_poses=20, steps=20, minimize="vina", moves=100)


def test_weights_are_those_that_made_the_labels():
    judge = fit_judge(planted_rows(400), NAMES, MADE)
    near, far = judge.thresholds
    assert near.weights[0] == pytest.approx(-10, abs=2) and near.weights[1] == pytest.approx(4, abs=0.8)
    assert abs(near.weights[2]) < 0.15 and near.intercept == pytest.approx(-5, abs=0.8)
    assert far.threshold == 5.0 and far.weights[0] > near.weights[0]  # half of the others are within 5 by chance
    assert (judge.complexes, judge.poses, judge.made) == (400, 8000, MADE)


def test_a_well_specified_judge_is_reliable_on_other_complexes():
    judge = fit_judge(planted_rows(300), NAMES, MADE)
    measured = judge_reliability(judge, planted_rows(300, seed=1), "consensus")
    assert [(one.threshold, one.which) for one in measured] == [
        (2.0, "all"),
        (2.0, "first"),
        (5.0, "all"),
        (5.0, "first"),
    ]
    all_poses, first = measured[:2]
    assert (all_poses.poses, first.poses) == (6000, 300)
    assert all_poses.ece < 0.03 and first.ece < 0.12 and all_poses.brier < all_poses.base_brier


def test_the_order_of_the_rows_changes_no_bit():
    assert fit_judge(planted_rows(60), NAMES, MADE) == fit_judge(planted_rows(60)[::-1], NAMES, MADE)


def test_useful_evidence_lowers_the_cross_validated_loss():
    rows = planted_rows(150)
    useful, useless = (log_loss(rows, cross_validated(rows, names)) for names in (NAMES[:2], NAMES[2:]))
    assert useful < useless - 0.01
    assert cross_validated(rows, NAMES)[7].shape == (20,)


def test_held_out_complexes_are_refused():
    rows = planted_rows(60)
    with pytest.raises(ConfigError, match=r"2 complexes to fit on are held out for measuring \(0-3, 0-7\)"):
        fit_judge(rows, NAMES, MADE, held_out={"0-3", "0-7", "other"})


def test_too_few_complexes_are_refused():
    rows = [*planted_rows(FEWEST - 1), PoseRow(id="failed", error="no")]
    with pytest.raises(ConfigError, match="49 complexes have poses and the fit needs 50"):
        fit_judge(rows, NAMES, MADE)


@pytest.mark.parametrize("distance", [1.0, 9.0])
def test_poses_of_one_side_only_are_refused(distance: float):
    rows = [replace(row, rmsd=(distance,) * 20) for row in planted_rows(FEWEST)]
    with pytest.raises(ConfigError, match="of either side"):
        fit_judge(rows, NAMES, MADE)
