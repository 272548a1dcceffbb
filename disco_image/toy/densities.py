"""Two-dimensional distributions with known modes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from disco_dock.runtime.errors import ConfigError

GOLDEN = (math.sqrt(5) - 1) / 2
"""Multiples of it fill the unit interval evenly."""


@dataclass(frozen=True)
class Density:
    """A distribution that can be sampled, mode by mode.

    Attributes:
        modes: number of modes.
        draw: (mode of each point (n,), generator) -> (n, 2) points.
        centres: (modes, 2), or None where modes are no points.
        spread: standard deviation around a centre; 0 where there are none.
        weights: (modes,) of the modes, of sum 1; None for equal ones.
    """

    modes: int
    draw: Callable[[Tensor, torch.Generator], Tensor]
    centres: Tensor | None = None
    spread: float = 0.0
    weights: Tensor | None = None

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, 2) independent points."""
        if self.weights is None:
            return self.draw(torch.randint(self.modes, (count,), generator=generator), generator)
        return self.draw(self._mode_at(torch.rand(count, generator=generator)), generator)

    def balanced(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, 2) points whose modes have exactly their shares, in any part of them too."""
        places = torch.arange(count)
        if self.weights is None:
            return self.draw(places % self.modes, generator)
        return self.draw(self._mode_at((GOLDEN * (places.double() + 0.5)).frac()), generator)

    def shares(self) -> Tensor:
        """(modes,) weights of the modes."""
        return torch.full((self.modes,), 1 / self.modes) if self.weights is None else self.weights

    def _mode_at(self, levels: Tensor) -> Tensor:
        cdf = self.shares().double().cumsum(0)
        return torch.searchsorted(cdf, levels.double(), right=True).clamp_max(self.modes - 1)


def _mixture(centres: Tensor, spread: float, weights: Tensor | None = None) -> Density:
    def draw(mode: Tensor, generator: torch.Generator) -> Tensor:
        return centres[mode] + spread * torch.randn(len(mode), 2, generator=generator)

    return Density(len(centres), draw, centres, spread, weights)


def ring() -> Density:
    """Eight Gaussians of standard deviation 0.2 on a circle of radius 3.

    Source: DisCo-Diff (arXiv:2407.03300), app. F; 0.2 is read as a standard deviation.
    """
    angles = torch.arange(8) * math.pi / 4
    return _mixture(3 * torch.stack([angles.cos(), angles.sin()], 1), 0.2)


def uneven_ring() -> Density:
    """The ring with one mode five times as heavy as each of the others."""
    even = ring()
    weights = torch.tensor([5.0, *[1.0] * 7]) / 12
    assert even.centres is not None
    return _mixture(even.centres, even.spread, weights)


def grid() -> Density:
    """Twenty-five Gaussians of standard deviation 0.1 on a square lattice of spacing 1.5."""
    steps = torch.arange(-2, 3).float() * 1.5
    return _mixture(torch.cartesian_prod(steps, steps), 0.1)


def checkerboard() -> Density:
    """The eight dark squares, of side 1.5, of a 4 x 4 board."""
    cells = torch.tensor([(i, j) for i in range(4) for j in range(4) if (i + j) % 2 == 0]).float()

    def draw(mode: Tensor, generator: torch.Generator) -> Tensor:
        return (cells[mode] + torch.rand(len(mode), 2, generator=generator) - 2) * 1.5

    return Density(len(cells), draw)


def moons() -> Density:
    """Two interleaved half circles of radius 2 with noise 0.1."""

    def draw(mode: Tensor, generator: torch.Generator) -> Tensor:
        angle = math.pi * torch.rand(len(mode), generator=generator)
        sign = 1.0 - 2.0 * mode
        points = torch.stack([2 * sign * angle.cos() - sign, 2 * sign * angle.sin() - 0.5 * sign], 1)
        return points + 0.1 * torch.randn(len(mode), 2, generator=generator)

    return Density(2, draw)


def spiral() -> Density:
    """Two arms of an Archimedean spiral with noise 0.1."""

    def draw(mode: Tensor, generator: torch.Generator) -> Tensor:
        turn = torch.rand(len(mode), generator=generator).sqrt() * 3 * math.pi
        radius, sign = 3 * turn / (3 * math.pi), 1.0 - 2.0 * mode
        points = torch.stack([sign * radius * turn.cos(), sign * radius * turn.sin()], 1)
        return points + 0.1 * torch.randn(len(mode), 2, generator=generator)

    return Density(2, draw)


DENSITIES: dict[str, Callable[[], Density]] = {
    "ring": ring,
    "uneven-ring": uneven_ring,
    "grid": grid,
    "checkerboard": checkerboard,
    "moons": moons,
    "spiral": spiral,
}


def density(name: str) -> Density:
    """The distribution of that name.

    Raises:
        ConfigError: unknown name.
    """
    if name not in DENSITIES:
        raise ConfigError(f"unknown distribution {name!r}; choose one of {', '.join(DENSITIES)}")
    return DENSITIES[name]()
