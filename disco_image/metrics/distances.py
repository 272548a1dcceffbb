"""Distances between two sets of features: Frechet, kernel, precision and recall."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from disco_dock.runtime.errors import InputError
from disco_dock.runtime.random import generator

MANIFOLD = 10_000
"""Samples of each side that precision and recall take at most."""


class Moments(NamedTuple):
    """Mean (features,) and covariance (features, features) in float64."""

    mean: Tensor
    covariance: Tensor


def moments(features: Tensor) -> Moments:
    """Mean and covariance of features (samples, features).

    Raises:
        InputError: fewer than two samples.
    """
    if len(features) < 2:
        raise InputError(f"a Frechet distance needs at least 2 samples, got {len(features)}")
    values = features.double()
    return Moments(values.mean(0), torch.cov(values.T).reshape(values.shape[1], values.shape[1]))


def frechet_distance(a: Moments, b: Moments) -> float:
    """|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)).

    The trace of the root is the sum of the singular values of C_a^(1/2) C_b^(1/2).

    Source: Heusel et al. 2017 (arXiv:1706.08500), eq. 6.
    """
    cross = torch.linalg.svdvals(_root(a.covariance) @ _root(b.covariance)).sum()
    distance = (a.mean - b.mean).square().sum() + a.covariance.trace() + b.covariance.trace() - 2 * cross
    return max(0.0, float(distance))


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T


def shuffled(features: Tensor, count: int | None = None) -> Tensor:
    """(count, features): rows in a fixed random order, the first `count` of them.

    Sets of images are often sorted by class, so the first rows are not a sample of them.
    """
    order = torch.randperm(len(features), generator=generator("metrics", len(features)))
    return features[order[:count]]


def kernel_distance(a: Tensor, b: Tensor, block: int = 1000) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x.y / d + 1)^3, mean over blocks of random rows.

    Args:
        a: (samples, features), in any order.
        b: (samples, features), in any order.
        block: samples per estimate.

    Source: Binkowski et al. 2018 (arXiv:1801.01401), sec. 4: the kernel inception distance, on any features.
    """
    count = min(len(a), len(b))
    block = min(block, count)
    a, b, estimates = shuffled(a, count), shuffled(b, count), []
    for begin in range(0, count - block + 1, block):
        x, y = a[begin : begin + block].double(), b[begin : begin + block].double()
        xx, yy, xy = _kernel(x, x), _kernel(y, y), _kernel(x, y)
        off = block * (block - 1)
        within = (xx.sum() - xx.trace() + yy.sum() - yy.trace()) / off
        estimates.append(float(within - 2 * xy.mean()))
    return sum(estimates) / len(estimates)


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3


def precision_recall(real: Tensor, made: Tensor, neighbours: int = 3) -> tuple[float, float]:
    """Share of the made samples inside the manifold of the real ones, and the other way around.

    A manifold is the union of balls around its samples that reach to their k-th neighbour. Both sides take equally
    many random rows, at most 10,000, since the radii depend on how many there are.

    Args:
        real: (samples, features), in any order.
        made: (samples, features), in any order.
        neighbours: k.

    Source: Kynkaanniemi et al. 2019 (arXiv:1904.06991), eq. 1 and 2.
    """
    count = min(len(real), len(made), MANIFOLD)
    real, made = shuffled(real, count), shuffled(made, count)
    return _inside(made, real, neighbours), _inside(real, made, neighbours)


def _inside(points: Tensor, manifold: Tensor, neighbours: int, chunk: int = 1024) -> float:
    radius = torch.cat(
        [torch.cdist(part, manifold).kthvalue(neighbours + 1, dim=1).values for part in manifold.split(chunk)]
    )
    hits = [(torch.cdist(part, manifold) <= radius).any(1) for part in points.split(chunk)]
    return float(torch.cat(hits).double().mean())


def bootstrap_interval(values: Tensor, draws: int = 1000) -> tuple[float, float]:
    """95 % interval of the mean of values (n,) by resampling, with a fixed stream."""
    stream = torch.Generator().manual_seed(0)
    picks = torch.randint(len(values), (draws, len(values)), generator=stream)
    means = values.double()[picks].mean(1)
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high


def t_interval(values: Tensor) -> float:
    """Half width of the 95 % confidence interval of the mean of few values (n,); not a number for one.

    Source: Student's t distribution.
    """
    if len(values) < 2:
        return math.nan
    from scipy.stats import t

    return float(t.ppf(0.975, len(values) - 1)) * float(values.double().std()) / math.sqrt(len(values))
