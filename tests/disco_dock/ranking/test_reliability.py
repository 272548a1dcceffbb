"""Reliability against hand counts, and the words for probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from disco_dock.ranking.reliability import BANDS, Reliability, band, measure_reliability, reliability_bins
from disco_dock.runtime.config import from_dict, to_dict


def test_bins_hold_the_ends():
    bins = reliability_bins(np.array([0.0, 0.05, 1.0]), np.array([False, True, True]))
    assert [(one.low, one.high, one.poses, one.observed) for one in bins] == [(0.0, 0.1, 2, 0.5), (0.9, 1.0, 1, 1.0)]


def test_bands_cover_all_probabilities():
    assert [band(low) for low, _ in BANDS] == [words for _, words in BANDS]
    assert band(1.0) == BANDS[0][1] and band(0.149) == BANDS[-1][1]


def test_errors_by_hand():
    probability, near = [np.array([0.2, 0.2]), np.array([0.9])], [np.array([True, False]), np.array([True])]
    found = measure_reliability(probability, near, threshold=2.0, which="first")
    assert (found.complexes, found.poses, found.which, found.threshold) == (2, 3, "first", 2.0)
    assert found.ece == pytest.approx((2 * 0.3 + 0.1) / 3, abs=1e-4)
    assert found.brier == pytest.approx((0.64 + 0.04 + 0.01) / 3, abs=1e-4)
    assert found.base_brier == pytest.approx(2 / 9, abs=1e-4)
    assert from_dict(Reliability, to_dict(found)) == found


def test_over_confidence_shows():
    rng = np.random.default_rng(0)
    honest = rng.uniform(0, 1, 20_000)
    near = rng.uniform(0, 1, 20_000) < honest
    right = measure_reliability([honest], [near], threshold=2.0)
    boastful = measure_reliability([np.sqrt(honest)], [near], threshold=2.0)
    assert right.ece < 0.02 < 0.1 < boastful.ece and right.brier < boastful.brier
