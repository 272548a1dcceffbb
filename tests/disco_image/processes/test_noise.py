"""The Gaussian and the PFGM++ perturbation, and the grid of levels."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from disco_dock.runtime.errors import ConfigError
from disco_image.processes.noise import ProcessConfig, TrajectoryNoise, rho_grid, unit_noise


def normal_of(rows, seed=0):
    stream = torch.Generator().manual_seed(seed)
    return lambda count: torch.randn(rows, count, generator=stream, dtype=torch.float64)


def test_pfgm_radius_follows_its_beta_distribution():
    dimension, size = 6, 4
    noise = unit_noise(ProcessConfig(dimension=dimension), (size,), normal_of(4000))
    ratio = noise.square().sum(1) / dimension  # R^2 / r^2 with r = sqrt(D)
    beta = (ratio / (1 + ratio)).numpy()
    assert stats.kstest(beta, stats.beta(size / 2, dimension / 2).cdf).pvalue > 1e-3
    gaussian = unit_noise(ProcessConfig(), (size,), normal_of(4000)).square().sum(1) / dimension
    assert stats.kstest((gaussian / (1 + gaussian)).numpy(), stats.beta(size / 2, dimension / 2).cdf).pvalue < 1e-6


def test_pfgm_tends_to_gaussian_noise_for_many_dimensions():
    many = unit_noise(ProcessConfig(dimension=100_000), (3, 2, 2), normal_of(50))
    plain = unit_noise(ProcessConfig(), (3, 2, 2), normal_of(50))
    assert torch.allclose(many, plain, rtol=0.03)


def test_grid_falls_from_max_to_min_and_ends_at_zero():
    config = ProcessConfig(sigma_min=0.01, sigma_max=50)
    grid = rho_grid(config, 12)
    assert grid[0] == pytest.approx(50) and grid[-2] == pytest.approx(0.01) and grid[-1] == 0
    assert bool((grid.diff() < 0).all()) and len(grid) == 13
    roots = grid[:-1] ** (1 / 7)
    assert torch.allclose(roots.diff(), roots.diff()[0].expand(11))


def test_bad_settings_are_told():
    with pytest.raises(ConfigError, match="2 steps"):
        rho_grid(ProcessConfig(), 1)
    with pytest.raises(ConfigError, match="dimension"):
        ProcessConfig(dimension=-1)


def test_noise_added_on_the_way_back_keeps_the_radii_of_the_process():
    """x at 0.3 plus noise up to 1.2 has radii as x drawn at 1.2: of a point, |x| / sigma has one distribution."""
    config = ProcessConfig(dimension=20)
    stream = torch.Generator().manual_seed(0)
    noise = TrajectoryNoise(config, (12,), lambda count: torch.randn(20_000, count, generator=stream))
    low = 0.3 * noise()
    back = low + math.sqrt(1.2**2 - 0.3**2) * noise()
    direct = 1.2 * unit_noise(config, (12,), lambda count: torch.randn(20_000, count, generator=stream))
    quantiles = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95])
    found, expected = back.norm(dim=1).quantile(quantiles), direct.norm(dim=1).quantile(quantiles)
    assert torch.allclose(found, expected, rtol=0.02)
