"""Calibration of P(RMSD < 2 Angstrom)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from disco_dock.evaluation.rows import MeasuredComplex
from disco_dock.evaluation.success import RESAMPLES
from disco_dock.ranking.reliability import brier, expected_calibration_error, reliability_bins

LIMIT = 2.0  # Angstrom: the event of the probabilities


def calibration(rows: Sequence[MeasuredComplex], *, seed: int = 0) -> dict[str, Any] | None:
    """Calibration over all poses and over the first-ranked ones, or None for a method without probabilities.

    Intervals are by bootstrap over complexes, since poses of one complex are not independent.
    """
    scored = [row for row in rows if row.probability]
    if not scored:
        return None
    return {
        "event": f"RMSD < {LIMIT:g} Angstrom",
        "all_poses": _report(scored, None, seed),
        "top1": _report(scored, 1, seed),
    }


def _report(rows: Sequence[MeasuredComplex], count: int | None, seed: int) -> dict[str, Any]:
    groups = [(np.array(row.probability[:count]), np.array(row.rmsd[:count]) < LIMIT) for row in rows]
    probability, event = (np.concatenate(parts) for parts in zip(*groups, strict=True))
    rng = np.random.default_rng(seed)
    errors, scores = [], []
    for draw in rng.integers(0, len(groups), (RESAMPLES // 4, len(groups))):
        p, e = (np.concatenate(parts) for parts in zip(*(groups[i] for i in draw), strict=True))
        errors.append(expected_calibration_error(p, e))
        scores.append(brier(p, e))
    return {
        "poses": len(probability),
        "mean_probability": round(float(probability.mean()), 4),
        "frequency": round(float(event.mean()), 4),
        "ece": round(expected_calibration_error(probability, event), 4),
        "ece_interval": _rounded(np.percentile(errors, [2.5, 97.5])),
        "brier": round(brier(probability, event), 4),
        "brier_interval": _rounded(np.percentile(scores, [2.5, 97.5])),
        "brier_of_the_frequency": round(brier(np.full(len(event), event.mean()), event), 4),
        "auc": _auc(probability, event),
        "bins": reliability(probability, event),
    }


def reliability(probability: np.ndarray, event: np.ndarray) -> list[dict[str, float]]:
    """Mean probability, frequency and number of poses in each bin of equal width that is not empty."""
    bins = reliability_bins(probability, event)
    return [{"probability": one.predicted, "frequency": one.observed, "poses": one.poses} for one in bins]


def _auc(probability: np.ndarray, event: np.ndarray) -> float | None:
    """Area under the ROC curve, ties counting half; None when all outcomes are the same."""
    good, bad = probability[event], probability[~event]
    if not len(good) or not len(bad):
        return None
    ordered = np.sort(bad)
    below = np.searchsorted(ordered, good, "left") + np.searchsorted(ordered, good, "right")
    return round(float(below.mean() / (2 * len(bad))), 4)


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 4) for value in values]
