"""The order of ranked poses."""

from __future__ import annotations

import numpy as np


def rank_order(confidence: np.ndarray | None, stereo_kept: np.ndarray) -> np.ndarray:
    """Indices of the poses from best to worst: stereo as in the input first, then confidence, then sampling order.

    Args:
        confidence: (poses,) logits or another score, higher is better, or None; NaN counts as the worst.
        stereo_kept: (poses,) bool.

    Returns:
        int64 (poses,).
    """
    score = np.zeros(len(stereo_kept)) if confidence is None else np.nan_to_num(confidence, nan=-np.inf)
    return np.lexsort((np.arange(len(stereo_kept)), -score, ~np.asarray(stereo_kept, dtype=bool)))
