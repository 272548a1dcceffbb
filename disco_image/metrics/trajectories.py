"""Curvature of the probability-flow ODE and size of its drift's Jacobian."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from disco_image.processes.precondition import ode_drift

Denoise = Callable[[Tensor, float], Tensor]
STEP = 1e-3
"""Delta t of the finite difference."""


def curvature(denoise: Denoise, x: Tensor, sigma: float, step: float = STEP) -> Tensor:
    """(rows,) curvature |T(x_t) - T(x_{t - step})| / |x_t - x_{t - step}| of the ODE's path, T its unit tangent.

    The first dimensions of x are rows, the last one or three are the datum, flattened by the caller where needed.

    Args:
        denoise: (x, sigma) -> D.
        x: (rows, ...) points at level sigma.
        sigma: level, larger than `step`.
        step: Delta t.

    Source: DisCo-Diff (arXiv:2407.03300), app. F.3.
    """
    first = ode_drift(x, denoise(x, sigma), torch.tensor(sigma))
    moved = x - step * first
    later = sigma - step
    second = ode_drift(moved, denoise(moved, later), torch.tensor(later))
    a, b, path = first.flatten(1), second.flatten(1), (x - moved).flatten(1)
    turn = a / a.norm(dim=1, keepdim=True) - b / b.norm(dim=1, keepdim=True)
    return turn.norm(dim=1) / path.norm(dim=1)


def jacobian_square_exact(denoise: Denoise, x: Tensor, sigma: float) -> Tensor:
    """(rows,) squared Frobenius norm of d drift / d x; one backward pass per dimension.

    Args:
        denoise: (x, sigma) -> D, each row on its own.
        x: (rows, dimensions).
        sigma: level.
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        drift = ode_drift(x, denoise(x, sigma), torch.tensor(sigma))
        total = torch.zeros(len(x))
        for i in range(x.shape[1]):
            (row,) = torch.autograd.grad(drift[:, i].sum(), x, retain_graph=i + 1 < x.shape[1])
            total = total + row.square().sum(1)
    return total.detach()


def jacobian_square_estimate(denoise: Denoise, x: Tensor, sigma: float, probes: Tensor) -> Tensor:
    """(rows,) unbiased estimate of the squared Frobenius norm, E |J^T v|^2 over probes v of unit covariance.

    Args:
        denoise: (x, sigma) -> D, each row on its own.
        x: (rows, ...).
        sigma: level.
        probes: (count, rows, ...) standard normal numbers.
    """
    total = torch.zeros(len(x))
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        drift = ode_drift(x, denoise(x, sigma), torch.tensor(sigma))
        for i, probe in enumerate(probes):
            (row,) = torch.autograd.grad((drift * probe).sum(), x, retain_graph=i + 1 < len(probes))
            total = total + row.flatten(1).square().sum(1).cpu()
    return total.detach() / len(probes)


class Path(NamedTuple):
    """A deterministic trajectory.

    Attributes:
        levels: sigma of each point, falling.
        points: (levels, rows, ...).
    """

    levels: list[float]
    points: Tensor


def record_path(denoise: Denoise, x: Tensor, grid: list[float]) -> Path:
    """The Heun trajectory from x at grid[0] to grid[-1]."""
    from disco_image.sampling.solvers import heun_step

    points = [x]
    for sigma, following in zip(grid[:-1], grid[1:], strict=True):
        points.append(heun_step(denoise, points[-1], sigma, following))
    return Path(grid, torch.stack(points))
