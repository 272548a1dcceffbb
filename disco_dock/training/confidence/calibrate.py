"""Fitting of probabilities to confidence logits on the docked poses of held-out complexes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from disco_dock.ranking.confidence_calibration import Calibration, ThresholdCalibration
from disco_dock.ranking.reliability import measure_reliability

STEEPEST = 10.0  # largest slope; without it, classes that a logit separates would make it grow without end
RIDGE = 1e-3  # pulls the slope towards 1


def platt(logit: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """Slope (not negative) and intercept of the logistic regression of labels (poses,) on logits (poses,).

    Labels are smoothed, so that a set without positives gets a small probability and not zero.

    Source: Platt 1999, Probabilistic outputs for support vector machines.
    """
    up, down = positive.sum(), (~positive).sum()
    target = np.where(positive, (up + 1) / (up + 2), 1 / (down + 2))

    def loss(parameters: np.ndarray) -> float:
        value = parameters[0] * logit + parameters[1]
        cross = np.logaddexp(0.0, value) - target * value
        return float(cross.mean() + RIDGE * (parameters[0] - 1) ** 2)

    found = minimize(loss, np.array([1.0, 0.0]), method="L-BFGS-B", bounds=[(0.0, STEEPEST), (-50.0, 50.0)])
    return float(found.x[0]), float(found.x[1])


def calibrate(logits: np.ndarray, rmsd: np.ndarray, thresholds: Sequence[float]) -> Calibration:
    """The calibration of a confidence model.

    Slope and intercept are fitted on all complexes; the errors come from two halves of the complexes, each predicted by
    the fit to the other one.

    Args:
        logits: (complexes, poses, thresholds) of docked poses.
        rmsd: (complexes, poses) in Angstrom.
        thresholds: Angstrom.
    """
    half = np.arange(len(rmsd)) % 2 == 0
    parts = []
    for k, threshold in enumerate(thresholds):
        logit, positive = logits[:, :, k].astype(np.float64), rmsd < threshold
        slope, intercept = platt(logit.ravel(), positive.ravel())
        probability = np.zeros_like(logit)
        for rows in (half, ~half):
            others = ~rows if (~rows).any() else rows  # a single complex has no other half
            a, b = platt(logit[others].ravel(), positive[others].ravel())
            probability[rows] = 1 / (1 + np.exp(-(a * logit[rows] + b)))
        measured = measure_reliability(list(probability), list(positive), threshold=float(threshold))
        parts.append(
            ThresholdCalibration(
                threshold=float(threshold),
                slope=slope,
                intercept=intercept,
                ece=measured.ece,
                brier=measured.brier,
                base_brier=measured.base_brier,
                bins=measured.bins,
            )
        )
    return Calibration(complexes=len(rmsd), poses=rmsd.size, thresholds=tuple(parts))
