# pyright: basic
"""Noise levels over time, and the tuples that carry one value per component (always tr, rot, tor)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from disco_dock.runtime.errors import ConfigError


class Sigmas(NamedTuple):
    """Noise levels: tr in Angstrom, rot and tor in radians; floats or (batch,) tensors."""

    tr: float | Float[Tensor, " batch"]
    rot: float | Float[Tensor, " batch"]
    tor: float | Float[Tensor, " batch"]


class Scores(NamedTuple):
    """Gradients of the log density: tr (batch, 3) per Angstrom, rot (batch, 3) and tor (batch, torsions) per radian."""

    tr: Float[Tensor, "batch 3"]
    rot: Float[Tensor, "batch 3"]
    tor: Float[Tensor, "batch torsions"]


@dataclass(frozen=True, kw_only=True, slots=True)
class NoiseConfig:
    """Smallest and largest noise levels (t = 0 and t = 1); tr in Angstrom, rot and tor in radians.

    Source: configuration of DiffDock-S and DisCo-DiffDock-S.
    """

    tr_min: float = 0.1
    tr_max: float = 19.0
    rot_min: float = 0.03
    rot_max: float = 1.55
    tor_min: float = 0.03
    tor_max: float = 3.14

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("tr", "rot", "tor"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if not 0 < low < high:
                raise ConfigError(f"noise: {name}_min and {name}_max must satisfy 0 < min < max, got {low} and {high}")

    def bounds(self) -> tuple[tuple[float, float], tuple[float, float], tuple[float, float]]:
        """(min, max) of tr, rot and tor."""
        return (self.tr_min, self.tr_max), (self.rot_min, self.rot_max), (self.tor_min, self.tor_max)


def sigmas(t: float | Float[Tensor, ...], config: NoiseConfig) -> Sigmas:
    """Noise levels sigma_min^(1-t) sigma_max^t at time t in [0, 1]."""
    return Sigmas(*(low ** (1 - t) * high**t for low, high in config.bounds()))


def time_grid(steps: int, start: float = 1.0) -> list[float]:
    """Times from `start` in equal steps, without the 0 that the last step ends at, of the reverse process.

    Raises:
        ValueError: fewer than one step.
    """
    if steps < 1:
        raise ValueError(f"at least one step is needed, got {steps}")
    return [start * (1 - i / steps) for i in range(steps)]


def draw_times(uniform: Float[Tensor, " batch"], alpha: float = 2.0, beta: float = 1.0) -> Float[Tensor, " batch"]:
    """(batch,) times from Beta(alpha, beta), as quantiles of uniform numbers.

    Args:
        uniform: (batch,) in [0, 1).
        alpha: first shape parameter; 2 with beta = 1 has the density 2t.
        beta: second shape parameter.
    """
    if beta == 1.0:
        return uniform ** (1 / alpha)
    from scipy.stats import beta as beta_distribution  # rarely needed

    values = beta_distribution.ppf(uniform.double().cpu().numpy(), alpha, beta)
    return torch.as_tensor(values, dtype=uniform.dtype, device=uniform.device)
