"""Solvers of the reverse process: from noise at the first level of a grid to a sample at level 0."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from disco_dock.runtime.errors import ConfigError
from disco_image.processes.noise import ProcessConfig, rho_grid
from disco_image.processes.precondition import ode_drift

Denoise = Callable[[Tensor, float], Tensor]
"""(x, sigma) -> D(x, sigma), of the shape of x."""
Noise = Callable[[], Tensor]
"""Fresh noise at sigma = 1, of the shape of x."""
CHURN_LIMIT = math.sqrt(2) - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class SolverConfig:
    """Choice of a solver and its numbers.

    Attributes:
        name: ``heun``, ``euler``, ``churn`` (EDM's stochastic sampler), ``restart`` or ``ancestral`` (DDPM's).
        steps: levels of the grid above 0.
        rho: of the grid.
        churn: S_churn of ``churn``.
        churn_range: S_min and S_max.
        noise_scale: S_noise, the factor on the noise that ``churn`` and ``restart`` add.
        restarts: (steps, repeats, low, high) of each interval of ``restart``, in any order; levels of sigma. The low
            end is moved to the nearest level of the grid.
    """

    name: Literal["heun", "euler", "churn", "restart", "ancestral"] = "heun"
    steps: int = 18
    rho: float = 7.0
    churn: float = 40.0
    churn_range: tuple[float, float] = (0.05, 50.0)
    noise_scale: float = 1.003
    restarts: tuple[tuple[int, int, float, float], ...] = ((3, 2, 0.3, 1.0),)

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.steps < 2 or self.rho <= 0:
            raise ConfigError("solver needs steps >= 2 and rho > 0")
        if self.churn < 0 or self.churn_range[0] > self.churn_range[1]:
            raise ConfigError("solver.churn must not be negative and solver.churn_range must be ordered")
        for steps, repeats, low, high in self.restarts:
            if steps < 2 or repeats < 1 or not 0 < low < high:
                raise ConfigError("each of solver.restarts is (steps >= 2, repeats >= 1, 0 < low < high)")


RESTART_IMAGENET64 = SolverConfig(
    name="restart",
    steps=36,
    restarts=(
        (10, 3, 19.35, 40.79),
        (10, 3, 1.09, 1.92),
        (7, 6, 0.59, 1.09),
        (7, 6, 0.30, 0.59),
        (7, 25, 0.06, 0.30),
    ),
)
"""The published settings of 623 evaluations for ImageNet-64, which DisCo-Diff takes too (its table 1).

Source: Xu et al. 2023 (arXiv:2306.14878), table of the ImageNet-64 settings.
"""
PUBLISHED = {"restart-imagenet64": RESTART_IMAGENET64}
"""Solvers with all of their numbers, by the name under which the commands take them."""


def solver_settings(name: str, steps: int | None) -> dict[str, Any]:
    """Values of a `SolverConfig` for a solver as a command names it.

    Args:
        name: of a solver, or of `PUBLISHED`.
        steps: levels of the grid; None for 18, or for the published number.
    """
    chosen = {"steps": steps} if steps is not None else {}
    if name in PUBLISHED:
        return {**asdict(PUBLISHED[name]), **chosen}
    return {"name": name, **chosen}


def solve(config: SolverConfig, process: ProcessConfig, denoise: Denoise, noise: Noise) -> Tensor:
    """Samples at sigma = 0.

    Args:
        config: the solver.
        process: for its range of levels.
        denoise: the model.
        noise: one call after another gives the start, at sigma_max, and what the solver adds; see `TrajectoryNoise`.
    """
    grid = rho_grid(process, config.steps, config.rho).tolist()
    x = noise() * grid[0]
    if config.name == "euler":
        return euler(denoise, x, grid)
    if config.name == "churn":
        return churn(denoise, x, grid, noise, config)
    if config.name == "restart":
        return restart(denoise, x, grid, noise, config)
    if config.name == "ancestral":
        return ancestral(denoise, x, grid, noise)
    return heun(denoise, x, grid)


def evaluations(config: SolverConfig, process: ProcessConfig) -> int:
    """Denoiser evaluations per sample, guidance not counted."""
    if config.name in ("euler", "ancestral"):
        return config.steps
    count = 2 * config.steps - 1
    if config.name == "restart":
        grid = rho_grid(process, config.steps, config.rho).tolist()
        for steps, repeats, low, high in config.restarts:
            if _restart_place(grid, low, high) is not None:
                count += repeats * 2 * (steps - 1)
    return count


def heun_step(denoise: Denoise, x: Tensor, sigma: float, following: float) -> Tensor:
    """x at the following level by Heun's second-order rule; Euler's where that level is 0.

    Source: Karras et al. 2022 (arXiv:2206.00364), alg. 1.
    """
    slope = ode_drift(x, denoise(x, sigma), torch.tensor(sigma))
    ahead = x + (following - sigma) * slope
    if following == 0:
        return ahead
    slope_ahead = ode_drift(ahead, denoise(ahead, following), torch.tensor(following))
    return x + (following - sigma) * (slope + slope_ahead) / 2


def heun(denoise: Denoise, x: Tensor, grid: list[float]) -> Tensor:
    """Deterministic second-order solution from grid[0] to grid[-1]."""
    for sigma, following in zip(grid[:-1], grid[1:], strict=True):
        x = heun_step(denoise, x, sigma, following)
    return x


def euler(denoise: Denoise, x: Tensor, grid: list[float]) -> Tensor:
    """Deterministic first-order solution from grid[0] to grid[-1]."""
    for sigma, following in zip(grid[:-1], grid[1:], strict=True):
        x = x + (following - sigma) * ode_drift(x, denoise(x, sigma), torch.tensor(sigma))
    return x


def churn(denoise: Denoise, x: Tensor, grid: list[float], noise: Noise, config: SolverConfig) -> Tensor:
    """Heun steps, each after raising the noise level a little.

    Source: Karras et al. 2022, alg. 2.
    """
    low, high = config.churn_range
    for sigma, following in zip(grid[:-1], grid[1:], strict=True):
        gamma = min(config.churn / (len(grid) - 1), CHURN_LIMIT) if low <= sigma <= high else 0.0
        raised = sigma * (1 + gamma)
        if gamma:
            x = x + math.sqrt(raised**2 - sigma**2) * config.noise_scale * noise()
        x = heun_step(denoise, x, raised, following)
    return x


def _restart_place(grid: list[float], low: float, high: float) -> int | None:
    """The place of the level above 0 that is nearest to `low`; None for an interval beyond the grid."""
    place = min(range(len(grid) - 1), key=lambda i: abs(grid[i] - low))
    return place if place and grid[place] < high <= grid[0] else None


def restart(denoise: Denoise, x: Tensor, grid: list[float], noise: Noise, config: SolverConfig) -> Tensor:
    """Heun steps; on reaching the low end of an interval, jump back to its high end by noise and solve again.

    Source: Xu et al. 2023 (arXiv:2306.14878), alg. 1 and 2; the snapping and S_noise as in the authors' settings.
    """
    places = {}
    for steps, repeats, low, high in config.restarts:
        place = _restart_place(grid, low, high)
        if place is not None:
            places.setdefault(place, []).append((steps, repeats, high))
    for i, (sigma, following) in enumerate(zip(grid[:-1], grid[1:], strict=True)):
        x = heun_step(denoise, x, sigma, following)
        for steps, repeats, high in places.get(i + 1, []):
            inner = rho_grid(ProcessConfig(sigma_min=following, sigma_max=high), steps, config.rho).tolist()[:-1]
            for _ in range(repeats):
                x = x + math.sqrt(high**2 - following**2) * config.noise_scale * noise()
                x = heun(denoise, x, inner)
    return x


def hybrid_grids(first: list[float], second: list[float], switch: float) -> tuple[list[float], list[float]]:
    """Levels of both parts of `hybrid`: those of the first grid above `switch`, then those of the second below it.

    Raises:
        ConfigError: the switch is not inside both grids.
    """
    high, low = [sigma for sigma in first if sigma > switch], [sigma for sigma in second if sigma < switch]
    if not high or len(low) < 2:
        raise ConfigError(
            f"a switch at sigma = {switch:g} leaves one of the models nothing to do; choose it inside both"
        )
    return [*high, switch], [switch, *low]


def hybrid(first: Denoise, second: Denoise, x: Tensor, grids: tuple[list[float], list[float]], noise: Noise) -> Tensor:
    """Heun's ODE of one model down to a level, then ancestral steps of another: two models, one trajectory.

    Args:
        first: with latents, which matter at high noise.
        second: a plain model, for the detail.
        x: at the first level.
        grids: from `hybrid_grids`.
        noise: fresh noise for the second part.

    Source: DisCo-Diff (arXiv:2407.03300), table 2 and fig. 13: ODE for t >= 10, VDM++'s DDPM steps below.
    """
    return ancestral(second, heun(first, x, grids[0]), grids[1], noise)


def ancestral(denoise: Denoise, x: Tensor, grid: list[float], noise: Noise) -> Tensor:
    """Draws from the Gaussian posteriors q(x_s | x_t, x_0 = D).

    Source: Ho et al. 2020 (arXiv:2006.11239), eq. 6 and 7, for x_t = x_0 + sigma noise.
    """
    for sigma, following in zip(grid[:-1], grid[1:], strict=True):
        ratio = (following / sigma) ** 2
        x = ratio * x + (1 - ratio) * denoise(x, sigma)
        if following:
            x = x + following * math.sqrt(1 - ratio) * noise()
    return x
