"""Distances on sets with known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from disco_dock.runtime.errors import InputError
from disco_image.metrics.distances import (
    frechet_distance,
    kernel_distance,
    moments,
    precision_recall,
    t_interval,
)
from disco_image.metrics.wasserstein import wasserstein2


def test_frechet_of_two_gaussians_is_its_closed_form():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(500, 6)), rng.normal(size=(400, 6)) @ rng.normal(size=(6, 6)) + 1
    ca, cb = np.cov(a.T), np.cov(b.T)
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * sqrtm(ca @ cb).real)
    found = frechet_distance(moments(torch.from_numpy(a)), moments(torch.from_numpy(b)))
    assert found == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(moments(torch.from_numpy(a)), moments(torch.from_numpy(a))) == pytest.approx(0, abs=1e-8)


def test_frechet_of_fewer_samples_than_features_is_finite():
    a = torch.randn(5, 20)
    assert math.isfinite(frechet_distance(moments(a), moments(a + 1)))
    with pytest.raises(InputError, match="2 samples"):
        moments(a[:1])


def test_kernel_distance_is_zero_on_average_for_one_distribution_and_not_for_two():
    stream = torch.Generator().manual_seed(0)
    same = [
        kernel_distance(torch.randn(200, 4, generator=stream), torch.randn(200, 4, generator=stream)) for _ in range(20)
    ]
    mean, error = np.mean(same), np.std(same) / math.sqrt(20)
    assert abs(mean) < 4 * error
    assert kernel_distance(torch.randn(200, 4, generator=stream), 1 + torch.randn(200, 4, generator=stream)) > 0.5


def test_sets_sorted_by_class_measure_as_shuffled_ones():
    stream = torch.Generator().manual_seed(0)
    centres = torch.linspace(-2, 2, 10)[:, None].expand(10, 4)
    real = torch.randn(10_000, 4, generator=stream) + centres.repeat_interleave(1000, 0)
    made = torch.randn(1000, 4, generator=stream) + centres[torch.randint(10, (1000,), generator=stream)]
    precision, recall = precision_recall(real, made)
    assert kernel_distance(real[:1000], made) > 20 * abs(kernel_distance(real, made))  # the first class alone
    assert min(precision, recall) > 0.9 and precision_recall(real[:1000], made)[0] < 0.7


def test_precision_and_recall_see_missing_and_invented_modes():
    stream = torch.Generator().manual_seed(0)
    real = torch.randn(200, 2, generator=stream)
    real[100:] += 20
    half, strange = torch.cat([real[:100] + 0.01, real[:100] - 0.01]), torch.cat([real[::2] + 0.01, real[1::2] - 40])
    assert precision_recall(real, half) == (pytest.approx(1, abs=0.05), pytest.approx(0.5, abs=0.05))
    precision, recall = precision_recall(real, strange)
    assert precision == pytest.approx(0.5, abs=0.05) and recall == pytest.approx(1, abs=0.1)


def test_wasserstein_of_a_shifted_set_is_the_shift():
    points = np.random.default_rng(0).normal(size=(100, 2))
    shuffled = np.random.default_rng(1).permutation(points) + [3, 4]
    assert wasserstein2(points, shuffled) == pytest.approx(5)
    with pytest.raises(ValueError, match="equal shape"):
        wasserstein2(points, points[:50])


def test_wasserstein_in_one_dimension_sorts():
    a, b = np.random.default_rng(0).normal(size=(60, 1)), np.random.default_rng(1).normal(size=(60, 1))
    assert wasserstein2(a, b) == pytest.approx(math.sqrt(((np.sort(a, 0) - np.sort(b, 0)) ** 2).mean()))


def test_interval_of_few_values():
    assert t_interval(torch.tensor([1.0, 2.0, 3.0])) == pytest.approx(4.303 / math.sqrt(3), rel=1e-3)
    assert math.isnan(t_interval(torch.tensor([1.0])))
