"""Exact 2-Wasserstein distance of two point sets."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist


def wasserstein2(a: np.ndarray, b: np.ndarray) -> float:
    """Square root of the mean squared distance under the best one-to-one assignment.

    Args:
        a: (points, dimensions).
        b: of the same shape.

    Raises:
        ValueError: the sets differ in size.
    """
    if a.shape != b.shape:
        raise ValueError(f"point sets of equal shape are needed, got {a.shape} and {b.shape}")
    cost = cdist(a, b, "sqeuclidean")
    rows, columns = linear_sum_assignment(cost)
    return math.sqrt(float(cost[rows, columns].mean()))
