"""The judge of minimised poses, a logistic model; its logit of P(RMSD < 2 Angstrom) ranks by consensus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from disco_dock.ranking.evidence import EVIDENCE, PoseInputs, evidence
from disco_dock.ranking.reliability import Reliability
from disco_dock.runtime.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class HowMade:
    """How the poses of the fit were made.

    Attributes:
        num_poses: samples of each complex.
        steps: of the reverse diffusion.
        minimize: the method of minimisation.
        moves: Monte-Carlo steps of each pose.
        restarts: additional searches of each pose.
        finalists: places whose best pose was searched further.
        scatter: searches from anywhere in a pocket.
        search: on what energies.
        basins: minima of each search among which the best was kept.
        apart: Angstrom between the poses that were kept.
        rings: shapes of rings over which searches were spread.
    """

    num_poses: int
    steps: int
    minimize: str
    moves: int
    restarts: int = 0
    finalists: int = 0
    scatter: int = 0
    search: str = "pairs"
    basins: int = 1
    apart: float = 0.0
    rings: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class ThresholdWeights:
    """logit P(RMSD < threshold) = intercept + weights . evidence.

    Attributes:
        threshold: Angstrom.
        intercept: of the logit.
        weights: one for each feature.
    """

    threshold: float
    intercept: float
    weights: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PoseJudge:
    """Logistic model of poses, fitted on some complexes and measured on others.

    Attributes:
        evidence: names of its features, see `evidence.EVIDENCE`.
        thresholds: the weights for each threshold; the first ranks poses.
        made: how the poses of the fit were made.
        complexes: of the fit.
        poses: of these complexes.
        reliability: on held-out complexes; of the first-ranked poses by the checkpoint's own ranking.
        cross_validated: whether the complexes of the fit were held out from the networks, and the reliability is that
            of the folds of complexes by fits to the others.
    """

    evidence: tuple[str, ...]
    thresholds: tuple[ThresholdWeights, ...]
    made: HowMade
    complexes: int
    poses: int
    reliability: tuple[Reliability, ...] = ()
    cross_validated: bool = False

    def __post_init__(self) -> None:
        """Check that the features are known and that each has a weight."""
        unknown = [name for name in self.evidence if name not in EVIDENCE]
        if unknown:
            raise ConfigError(f"pose_judge.evidence: {unknown[0]!r} is unknown; known are {', '.join(EVIDENCE)}")
        if not self.thresholds or any(len(fit.weights) != len(self.evidence) for fit in self.thresholds):
            raise ConfigError(f"pose_judge.thresholds: each needs {len(self.evidence)} weights, one for each evidence")

    @property
    def needs_confidence(self) -> bool:
        """Whether it reads the confidence logit."""
        return "confidence" in self.evidence

    @property
    def needs_contacts(self) -> bool:
        """Whether it reads the contact score."""
        return any(name.startswith("contacts_") for name in self.evidence)

    def logit(self, facts: PoseInputs) -> np.ndarray:
        """(poses,) logits of the first threshold, higher is better."""
        return self._logit(facts, self.thresholds[0])

    def probability(self, facts: PoseInputs, threshold: float) -> np.ndarray | None:
        """(poses,) P(RMSD < threshold), or None for a threshold (Angstrom) that it was not fitted to."""
        fit = next((fit for fit in self.thresholds if fit.threshold == threshold), None)
        return None if fit is None else expit(self._logit(facts, fit))

    def _logit(self, facts: PoseInputs, fit: ThresholdWeights) -> np.ndarray:
        return fit.intercept + evidence(facts, self.evidence) @ np.array(fit.weights)
