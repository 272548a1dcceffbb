"""Every solver with the exact denoiser of a Gaussian: moments, order of convergence, evaluations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from disco_dock.runtime.errors import ConfigError
from disco_image.processes.noise import ProcessConfig, rho_grid
from disco_image.sampling.solvers import SolverConfig, euler, evaluations, heun, solve, solver_settings

MEAN, STD = 0.7, 0.5
PROCESS = ProcessConfig(sigma_min=0.02, sigma_max=20.0)


def exact(x, sigma):
    """E[y | x] for y ~ N(MEAN, STD^2)."""
    return MEAN + (x - MEAN) * STD**2 / (STD**2 + sigma**2)


def flow(x, sigma):
    """Where the ODE takes a point at level sigma to at level 0."""
    return MEAN + (x - MEAN) * STD / math.sqrt(STD**2 + sigma**2)


@pytest.mark.parametrize(("method", "order"), [(euler, 1), (heun, 2)])
def test_error_falls_with_the_order_of_the_method(method, order):
    x = torch.linspace(-30, 30, 7, dtype=torch.float64)[:, None]
    errors = []
    for steps in (40, 80, 160):
        # a smooth grid, and no last step to zero, which is of first order for both
        grid = rho_grid(PROCESS, steps + 1).tolist()[:-1]
        target = MEAN + (x - MEAN) * math.sqrt((STD**2 + grid[-1] ** 2) / (STD**2 + grid[0] ** 2))
        errors.append(float((method(exact, x, grid) - target).abs().max()))
    orders = [math.log2(a / b) for a, b in zip(errors[:-1], errors[1:], strict=True)]
    assert orders == pytest.approx([order, order], abs=0.25)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("heun", {}),
        ("euler", {"steps": 200}),
        ("churn", {"churn": 20.0, "noise_scale": 1.0}),
        ("restart", {"restarts": ((6, 2, 0.1, 0.6), (4, 1, 1.0, 3.0)), "noise_scale": 1.0}),
        ("ancestral", {"steps": 200}),
    ],
)
def test_samples_have_the_moments_of_the_data(name, options):
    stream = torch.Generator().manual_seed(0)
    count = 20_000
    config = SolverConfig(**{"name": name, "steps": 40, **options})
    out = solve(config, PROCESS, exact, lambda: torch.randn(count, 1, generator=stream, dtype=torch.float64))
    bias = (MEAN * STD) / PROCESS.sigma_max  # the start is centred at 0, not at the mean
    assert float(out.mean()) == pytest.approx(MEAN, abs=bias + 4 * STD / math.sqrt(count))
    assert float(out.std()) == pytest.approx(STD, rel=0.03)


def test_stochastic_solvers_forget_a_wrong_start_and_the_ode_does_not():
    def spread(name, **options):
        stream = torch.Generator().manual_seed(1)
        start = [torch.full((4000, 1), 2.0, dtype=torch.float64)]

        def source():
            return start.pop() if start else torch.randn(4000, 1, generator=stream, dtype=torch.float64)

        return float(solve(SolverConfig(name=name, steps=60, **options), PROCESS, exact, source).std())

    assert spread("heun") < 1e-9
    assert spread("ancestral") == pytest.approx(STD, rel=0.1)
    assert spread("churn", churn=60.0, noise_scale=1.0) > 0.3


@pytest.mark.parametrize("name", ["heun", "euler", "churn", "restart", "ancestral"])
def test_evaluations_are_counted(name):
    config, calls = SolverConfig(name=name, steps=9, restarts=((4, 3, 0.2, 2.0),)), []

    def counting(x, sigma):
        calls.append(sigma)
        return exact(x, sigma)

    solve(config, PROCESS, counting, lambda: torch.zeros(1, 1))
    assert len(calls) == evaluations(config, PROCESS)


def test_paper_evaluations_of_heun():
    assert evaluations(SolverConfig(steps=40), PROCESS) == 79
    assert evaluations(SolverConfig(steps=58), PROCESS) == 115


def test_published_restart_takes_its_623_evaluations():
    config, calls = SolverConfig(**solver_settings("restart-imagenet64", None)), []

    def counting(x, sigma):
        calls.append(sigma)
        return exact(x, sigma)

    solve(config, ProcessConfig(), counting, lambda: torch.zeros(1, 1))
    assert evaluations(config, ProcessConfig()) == len(calls) == 623
    assert solver_settings("restart-imagenet64", 18)["steps"] == 18
    assert solver_settings("heun", None) == {"name": "heun"}


def test_published_restart_snaps_to_the_nearest_level_and_scales_its_noise():
    """The trajectory of the published settings on the 36-step grid, by an independent loop over the grid in numpy."""
    config, levels = SolverConfig(**solver_settings("restart-imagenet64", None)), []

    def watching(x, sigma):
        levels.append(sigma)
        return exact(x, sigma)

    noises = [torch.full((1, 1), 0.3 * (-1) ** count, dtype=torch.float64) for count in range(200)]
    stream = iter(noises)
    out = float(solve(config, ProcessConfig(), watching, lambda: next(stream)))

    def edges(count, low, high):
        return (high ** (1 / 7) + np.arange(count) / (count - 1) * (low ** (1 / 7) - high ** (1 / 7))) ** 7

    def step(x, a, b):
        slope = (x - exact(x, a)) / a
        ahead = x + (b - a) * slope
        return ahead if b == 0 else x + (b - a) * (slope + (ahead - exact(ahead, b)) / b) / 2

    grid = np.append(edges(36, 0.002, 80.0), 0.0)
    back = {int(np.abs(grid[:-1] - low).argmin()): (n, k, high) for n, k, low, high in config.restarts}
    assert [round(float(grid[place]), 2) for place in sorted(back)][0] == 20.24
    stream = iter(float(noise) for noise in noises)
    x = next(stream) * grid[0]
    for i in range(36):
        x = step(x, grid[i], grid[i + 1])
        count, repeats, high = back.get(i + 1, (0, 0, 0.0))
        for _ in range(repeats):
            inner = edges(count, grid[i + 1], high)
            x += np.sqrt(inner[0] ** 2 - inner[-1] ** 2) * 1.003 * next(stream)
            for a, b in zip(inner[:-1], inner[1:], strict=True):
                x = step(x, a, b)
    assert out == pytest.approx(x, rel=1e-7)
    assert min(abs(level - 20.24) for level in levels) < 0.01


@pytest.mark.parametrize("bad", [{"steps": 1}, {"churn": -1.0}, {"restarts": ((1, 1, 0.1, 1.0),)}])
def test_bad_settings_are_told(bad):
    with pytest.raises(ConfigError):
        SolverConfig(**bad)
