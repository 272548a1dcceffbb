"""Reliability of probabilities on held-out complexes, and what a probability means in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

BINS = 10
BANDS = (
    (0.7, "probably right"),
    (0.4, "may be right"),
    (0.15, "more likely wrong than right"),
    (0.0, "very probably wrong"),
)
"""Lowest P(RMSD < 2 Angstrom) of each band, and what it means in words."""
Which = Literal["all", "first"]


def band(probability: float) -> str:
    """The words for a probability of an RMSD below 2 Angstrom."""
    return next(words for low, words in BANDS if probability >= low)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReliabilityBin:
    """Held-out poses whose probability lies in an interval.

    Attributes:
        low: lower end of the interval.
        high: upper end.
        poses: how many.
        predicted: their mean probability.
        observed: share of them that were below the threshold.
    """

    low: float
    high: float
    poses: int
    predicted: float
    observed: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Reliability:
    """How well predicted P(RMSD < threshold) agree with what was observed.

    Attributes:
        threshold: Angstrom.
        which: all poses of the complexes, or the first-ranked one of each.
        complexes: held-out complexes.
        poses: of these complexes.
        ece: expected calibration error, the mean gap between predicted and observed over the bins.
        brier: mean squared error of the probability.
        base_brier: Brier score of a constant prediction, the share of poses below the threshold.
        bins: by probability.
    """

    threshold: float
    which: Which
    complexes: int
    poses: int
    ece: float
    brier: float
    base_brier: float
    bins: tuple[ReliabilityBin, ...]


def measure_reliability(
    probability: Sequence[np.ndarray], near: Sequence[np.ndarray], *, threshold: float, which: Which = "all"
) -> Reliability:
    """Reliability of probabilities; one array (poses,) per complex, with whether each pose is near.

    Source: expected calibration error, Naeini et al., AAAI 2015; Brier, Mon. Weather Rev. 1950, 78, 1.
    """
    flat, truth = np.concatenate(probability), np.concatenate(near)
    return Reliability(
        threshold=threshold,
        which=which,
        complexes=len(probability),
        poses=len(flat),
        ece=round(expected_calibration_error(flat, truth), 4),
        brier=round(brier(flat, truth), 4),
        base_brier=round(float(truth.mean() * (1 - truth.mean())), 4),
        bins=reliability_bins(flat, truth),
    )


def reliability_bins(probability: np.ndarray, near: np.ndarray) -> tuple[ReliabilityBin, ...]:
    """Bins of equal width that are not empty."""
    which = _bin_of(probability)
    bins = []
    for k in np.unique(which):
        inside = which == k
        bins.append(
            ReliabilityBin(
                low=float(k) / BINS,
                high=float(k + 1) / BINS,
                poses=int(inside.sum()),
                predicted=round(float(probability[inside].mean()), 4),
                observed=round(float(near[inside].mean()), 4),
            )
        )
    return tuple(bins)


def expected_calibration_error(probability: np.ndarray, near: np.ndarray) -> float:
    """Mean gap between predicted and observed over the bins, weighted by poses; arrays (poses,)."""
    gap = np.bincount(_bin_of(probability), probability - near, minlength=BINS)
    return float(np.abs(gap).sum() / len(near))


def brier(probability: np.ndarray, near: np.ndarray) -> float:
    """Mean squared difference of probability and outcome; arrays (poses,)."""
    return float(np.mean((probability - near) ** 2))


def _bin_of(probability: np.ndarray) -> np.ndarray:
    """(poses,) number of the bin, of `BINS` of equal width."""
    return np.minimum((probability * BINS).astype(int), BINS - 1)
