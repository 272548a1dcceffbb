"""From a confidence logit to a probability and its reliability; fitted on held-out complexes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from disco_dock.ranking.reliability import Reliability, ReliabilityBin
from disco_dock.runtime.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class ThresholdCalibration:
    """P(RMSD < threshold) = 1 / (1 + exp(-(slope * logit + intercept))).

    Errors are measured by halves: each half of the complexes with the probabilities fitted on the other.

    Attributes:
        threshold: Angstrom.
        slope: not negative, so that the order of poses stays.
        intercept: of the logit.
        ece: expected calibration error, the mean distance of predicted and observed over the bins.
        brier: mean squared error of the probability.
        base_brier: Brier score of a constant prediction, the share of poses below the threshold.
        bins: reliability by probability.
    """

    threshold: float
    slope: float
    intercept: float
    ece: float
    brier: float
    base_brier: float
    bins: tuple[ReliabilityBin, ...] = ()

    def __post_init__(self) -> None:
        """Check the slope."""
        if self.slope < 0:
            raise ConfigError(f"calibration.slope must not be negative, got {self.slope}")

    def probability(self, logit: float) -> float:
        """P(RMSD < threshold) of a pose."""
        value = self.slope * logit + self.intercept
        return 1 / (1 + math.exp(-value)) if value > 0 else math.exp(value) / (1 + math.exp(value))


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Calibrations of the logits of a confidence model, in the order of its thresholds.

    Attributes:
        complexes: held-out complexes that it was fitted on.
        poses: docked poses of them.
        thresholds: one each.
    """

    complexes: int
    poses: int
    thresholds: tuple[ThresholdCalibration, ...]

    @property
    def reliability(self) -> tuple[Reliability, ...]:
        """How well the probabilities held, by threshold."""
        return tuple(
            Reliability(
                threshold=fit.threshold,
                which="all",
                complexes=self.complexes,
                poses=self.poses,
                ece=fit.ece,
                brier=fit.brier,
                base_brier=fit.base_brier,
                bins=fit.bins,
            )
            for fit in self.thresholds
        )
