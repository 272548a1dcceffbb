"""Distributions and weights of training levels."""

from __future__ import annotations

import math

import pytest
import torch

from disco_dock.runtime.errors import ConfigError
from disco_image.processes.levels import AdaptiveLevels, LevelConfig, draw_levels, edm_weight, monotonic_weight
from disco_image.processes.noise import ProcessConfig

PROCESS = ProcessConfig()
WIDE = ProcessConfig(sigma_min=math.exp(-7), sigma_max=math.exp(5))
UNIFORM = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000


def test_log_normal_levels_have_the_mean_and_spread():
    sigma, weight = draw_levels(LevelConfig(), PROCESS, 32, UNIFORM)
    assert sigma.log().mean() == pytest.approx(-1.2, abs=1e-3)
    assert sigma.log().std() == pytest.approx(1.2, abs=1e-2)
    assert torch.allclose(weight, edm_weight(sigma, 0.5))


def test_shift_scales_the_levels_by_the_resolution():
    plain, _ = draw_levels(LevelConfig(), PROCESS, 128, UNIFORM)
    shifted, _ = draw_levels(LevelConfig(shift_resolution=64), PROCESS, 128, UNIFORM)
    assert torch.allclose(shifted, 2 * plain)


@pytest.mark.parametrize("shift", [0, 64])
def test_monotonic_levels_lie_where_sampling_needs_them_in_proportion_to_the_weight(shift):
    config = LevelConfig(kind="monotonic", shift_resolution=shift)
    sigma, _ = draw_levels(config, PROCESS, 128, UNIFORM)
    assert float(sigma.min()) >= PROCESS.sigma_min * 0.999 and float(sigma.max()) <= PROCESS.sigma_max * 1.001
    edges = torch.linspace(-8.0, 8.0, 9, dtype=torch.float64)
    log_snr = -2 * sigma.double().log()
    counts = torch.histogram(log_snr, edges).hist
    middle = (edges[1:] + edges[:-1]) / 2
    expected = monotonic_weight(middle + 2 * math.log(config.shift(128)), -1.2, 1.2, 0.5)
    assert torch.allclose(counts / counts.sum(), expected / expected.sum(), atol=0.01)


def test_monotonic_weight_never_falls_towards_high_noise_and_is_edms_elsewhere():
    log_snr = torch.linspace(-9, 13, 500, dtype=torch.float64)
    weight = monotonic_weight(log_snr, -1.2, 1.2, 0.5)
    assert bool((weight.diff() <= 1e-12).all())
    sigma = torch.exp(-log_snr / 2)
    density = torch.exp(-0.5 * ((sigma.log() + 1.2) / 1.2) ** 2) / (1.2 * math.sqrt(2 * math.pi))
    # EDM weighs |D - y|^2 by density(log sigma) edm_weight; |eps error|^2 = |D - y|^2 / sigma^2 and
    # d log sigma = d lambda / 2
    edm = density * edm_weight(sigma, 0.5) * sigma**2 / 2
    assert torch.allclose(weight[-100:], edm[-100:])
    assert bool((weight >= edm - 1e-12).all()) and float((weight[:50] / edm[:50]).min()) > 1.5


def test_draws_times_weights_integrate_the_weighted_loss():
    """E[weight f] over the drawn levels equals the integral of w(lambda) f / sigma^2."""
    sigma, weight = draw_levels(LevelConfig(kind="monotonic"), WIDE, 32, UNIFORM)
    f = sigma.double() ** 2 / (1 + sigma.double() ** 2)
    drawn = float((weight.double() * f).mean())
    log_snr = torch.linspace(-10, 14, 200_001, dtype=torch.float64)
    s = torch.exp(-log_snr / 2)
    values = monotonic_weight(log_snr, -1.2, 1.2, 0.5) / (1 + s**2)
    assert drawn == pytest.approx(float(torch.trapezoid(values, log_snr)), rel=2e-3)


def test_adaptive_levels_start_in_proportion_to_the_weight_and_integrate_it():
    levels = AdaptiveLevels(LevelConfig(kind="adaptive"), PROCESS, 32)
    levels.FLOOR = 0.0
    sigma, weight = levels.draw(UNIFORM)
    plain, plain_weight = draw_levels(LevelConfig(kind="monotonic"), PROCESS, 32, UNIFORM)
    assert torch.allclose(sigma.log(), plain.log(), atol=0.06)
    levels.loss.copy_(torch.rand(levels.BINS, dtype=torch.float64) + 0.2)  # whatever is drawn, the integral is the same
    for drawn, weights in (levels.draw(UNIFORM), (plain, plain_weight)):
        value = float((weights.double() * drawn.double() ** 2 / (1 + drawn.double() ** 2)).mean())
        reference = float((plain_weight.double() * plain.double() ** 2 / (1 + plain.double() ** 2)).mean())
        assert value == pytest.approx(reference, rel=0.02)


def test_adaptive_levels_follow_the_loss():
    """Errors are large between sigma = 1 and 2 alone: levels gather there, and each draw counts about the same."""
    levels = AdaptiveLevels(LevelConfig(kind="adaptive"), PROCESS, 32)
    levels.DECAY = 0.9

    def weighted(sigma, weight):
        return weight * torch.where((sigma > 1) & (sigma < 2), 1.0, 0.01) * sigma.square()

    for _ in range(60):
        sigma, weight = levels.draw(UNIFORM[::10])
        levels.follow(levels.seen(sigma, weighted(sigma, weight)))
    inside = (sigma > 1) & (sigma < 2)
    assert 0.5 < float(inside.double().mean()) < 1 and float(sigma.min()) < 0.1 < 10 < float(sigma.max())
    low, high = weighted(sigma, weight)[inside].quantile(torch.tensor([0.1, 0.9])).tolist()
    assert high < 1.3 * low  # all but the bins that lie across an end


def test_bad_settings_are_told():
    with pytest.raises(ConfigError, match="p_std"):
        LevelConfig(p_std=0.0)
