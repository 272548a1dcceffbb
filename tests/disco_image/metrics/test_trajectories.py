"""Curvature and Jacobian on flows with known answers."""

from __future__ import annotations

import math

import pytest
import torch

from disco_image.metrics.trajectories import curvature, jacobian_square_estimate, jacobian_square_exact, record_path


def gaussian(x, sigma):
    return x * 0.25 / (0.25 + sigma**2)


def test_paths_of_a_centred_gaussian_are_straight():
    x = torch.randn(50, 2, dtype=torch.float64)
    assert float(curvature(gaussian, x, 2.0).max()) < 1e-6


def test_path_on_a_circle_has_the_curvature_of_its_radius():
    def rotating(x, sigma):
        """A drift (x - D) / sigma that turns x about the origin, at right angles to it."""
        turned = torch.stack([-x[:, 1], x[:, 0]], 1)
        return x - sigma * turned

    x = torch.tensor([[3.0, 0.0], [0.0, 0.5]], dtype=torch.float64)
    assert curvature(rotating, x, 1.0).tolist() == pytest.approx([1 / 3, 2.0], rel=1e-3)


def test_jacobian_of_a_linear_flow_is_its_matrix():
    matrix = torch.tensor([[1.0, 2.0], [0.0, -1.0]], dtype=torch.float64)
    sigma = 1.7

    def linear(x, _):
        return x - sigma * x @ matrix.T

    x = torch.randn(4, 2, dtype=torch.float64)
    exact = jacobian_square_exact(linear, x, sigma)
    assert torch.allclose(exact, torch.full((4,), 6.0, dtype=torch.float64))
    probes = torch.randn(4000, 4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    estimate = jacobian_square_estimate(linear, x, sigma, probes)
    assert torch.allclose(estimate, exact, rtol=0.15)


def test_recorded_path_ends_where_the_flow_does():
    grid = [5.0 * 0.9**k for k in range(80)] + [0.0]
    path = record_path(gaussian, torch.ones(1, 1, dtype=torch.float64), grid)
    assert path.points.shape == (82 - 1, 1, 1)
    assert float(path.points[-1]) == pytest.approx(0.5 / math.sqrt(0.25 + 25), rel=2e-2)
