"""What a user says about the latents, and what the prior says about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class LatentChoice:
    """Which latents are used in place of the prior's free draws.

    Attributes:
        forced: node of each of the first latents, -1 where the prior chooses.
        avoided: nodes that no latent may point at.
        modes: spread the poses evenly over this many of the prior's most probable codes; 0 draws from the prior.
        survey: also tell where the prior's latents point.
    """

    forced: tuple[int, ...] = ()
    avoided: tuple[int, ...] = ()
    modes: int = 0
    survey: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class PriorSurvey:
    """Where a prior's latents point.

    Attributes:
        codes: (modes, latents) int64 the most probable codes, best first; none when poses were drawn freely.
        log_prob: (modes,) their log probabilities.
        marginal: (nodes,) float64 probability of each node, the mean over the latents; sums to one.
    """

    codes: np.ndarray
    log_prob: np.ndarray
    marginal: np.ndarray
