"""Calibration: known coefficients come back, errors are of held-out complexes, degenerate labels stay finite."""

from __future__ import annotations

import numpy as np
import pytest

from disco_dock.ranking.confidence_calibration import ThresholdCalibration
from disco_dock.runtime.errors import ConfigError
from disco_dock.training.confidence.calibrate import calibrate, platt


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_platt_finds_the_coefficients_of_the_data():
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 2, 40_000)
    positive = rng.random(40_000) < sigmoid(0.6 * logit - 1.0)
    assert platt(logit, positive) == pytest.approx((0.6, -1.0), abs=0.06)


def test_a_misleading_logit_gets_no_slope():
    logit = np.linspace(-3, 3, 400)
    slope, intercept = platt(logit, logit < 0)
    assert slope == pytest.approx(0.0, abs=1e-3) and intercept == pytest.approx(0.0, abs=0.05)


def test_over_confident_logits_are_corrected():
    rng = np.random.default_rng(1)
    true = rng.normal(-1, 1.5, (400, 10))
    rmsd = np.where(rng.random(true.shape) < sigmoid(true), 1.0, 9.0)
    part = calibrate(4 * true[:, :, None], rmsd, (2.0,)).thresholds[0]
    assert part.slope == pytest.approx(0.25, abs=0.05)
    assert part.ece < 0.03 and part.brier < part.base_brier
    for one in part.bins:
        if one.poses > 200:
            assert one.predicted == pytest.approx(one.observed, abs=0.08)
    assert sum(one.poses for one in part.bins) == rmsd.size


def test_errors_are_measured_on_complexes_that_were_not_fitted():
    """Half of the complexes have the opposite sign: a fit to the one half is bad on the other, and that shows."""
    logit = np.tile(np.array([-4.0, 4.0]), (40, 1))
    rmsd = np.where(logit > 0, 1.0, 9.0)
    rmsd[1::2] = 10.0 - rmsd[1::2]
    part = calibrate(logit[:, :, None], rmsd, (2.0,)).thresholds[0]
    assert part.brier > part.base_brier


def test_no_positive_pose_gives_a_small_probability_and_not_zero():
    rng = np.random.default_rng(2)
    part = calibrate(rng.normal(size=(10, 4, 2)), np.full((10, 4), 8.0), (2.0, 5.0)).thresholds[0]
    assert 0 < part.probability(3.0) < 0.2 and part.base_brier == 0.0


def test_probability_is_a_rising_function_without_overflow():
    part = ThresholdCalibration(threshold=2.0, slope=1.0, intercept=0.5, ece=0.0, brier=0.0, base_brier=0.0)
    values = [part.probability(x) for x in (-1e4, -1.0, 0.0, 1.0, 1e4)]
    assert values == sorted(values) and values[0] == 0.0 and values[-1] == 1.0
    assert values[2] == pytest.approx(sigmoid(0.5))
    with pytest.raises(ConfigError, match="slope"):
        ThresholdCalibration(threshold=2.0, slope=-1.0, intercept=0.5, ece=0.0, brier=0.0, base_brier=0.0)
