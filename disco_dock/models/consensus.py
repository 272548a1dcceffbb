"""One ranking from confidence, Vina score and agreement among poses; its weights are fitted on training complexes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class PoseEvidence(NamedTuple):
    """What speaks for poses.

    Attributes:
        confidence: (poses,) logits.
        vina_per_atom: (poses,) Vina score by heavy atom, kcal/mol.
        cluster_share: (poses,) share of the complex's poses within 2 Angstrom of a pose, itself included.
    """

    confidence: np.ndarray
    vina_per_atom: np.ndarray
    cluster_share: np.ndarray


@dataclass(frozen=True, kw_only=True, slots=True)
class Consensus:
    """logit P(RMSD < 2 Angstrom) = intercept + sum of weight times evidence.

    Attributes:
        intercept: of the logit.
        confidence: weight of the confidence logit.
        vina_per_atom: weight of the Vina score by heavy atom, in mol/kcal.
        cluster_share: weight of the share of poses close by.
        minimize: how the poses were minimised that it was fitted on.
        moves: their Monte-Carlo steps.
        complexes: training complexes that it was fitted on.
        poses: docked poses of them.
    """

    intercept: float
    confidence: float
    vina_per_atom: float
    cluster_share: float
    minimize: str
    moves: int
    complexes: int
    poses: int

    def logit(self, evidence: PoseEvidence) -> np.ndarray:
        """(poses,) logits, higher is better."""
        return (
            self.intercept
            + self.confidence * evidence.confidence
            + self.vina_per_atom * evidence.vina_per_atom
            + self.cluster_share * evidence.cluster_share
        )
