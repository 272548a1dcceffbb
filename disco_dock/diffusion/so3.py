# pyright: basic
"""IGSO(3), the diffusion kernel on rotations: angle sampling, score, expected score norm.

Conventions of the published code, kept so that its weights mean the same here: the series has exp(-l (l+1) eps^2), so
for small eps a rotation vector has standard deviation sqrt(2) eps per axis; the score norm carries a factor
1 / sqrt(pi); a noise level uses the nearest row of a table of 1000 levels, found with a grid of 1000 intervals.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from functools import lru_cache

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from disco_dock.runtime.checkpoint import load_weights, save_weights
from disco_dock.runtime.errors import CheckpointError
from disco_dock.runtime.files import cache_dir

LEVELS = 1000
LEVEL_RANGE = (0.01, 2.0)  # eps, radians
ANGLES = 2000
TERMS = 2000  # of the series; the published truncation
CACHE_NAME = f"igso3-v1-{LEVELS}-{LEVEL_RANGE[0]}-{LEVEL_RANGE[1]}-{ANGLES}-{TERMS}.safetensors"


def level_grid() -> Float64[Tensor, " levels"]:
    """(LEVELS,) float64 noise levels of the table rows."""
    low, high = (math.log10(value) for value in LEVEL_RANGE)
    return 10.0 ** torch.linspace(low, high, LEVELS, dtype=torch.float64)


def angle_grid() -> Float64[Tensor, " angles"]:
    """(ANGLES,) float64 rotation angles in radians, the last is pi."""
    return torch.arange(1, ANGLES + 1, dtype=torch.float64) * math.pi / ANGLES


def expansion(
    eps: Float64[Tensor, " levels"], omega: Float64[Tensor, " angles"]
) -> tuple[Float64[Tensor, "levels angles"], Float64[Tensor, "levels angles"]]:
    """The series f (levels, angles) and its derivative by the angle; the density of the angle is f (1 - cos) / pi.

    Args:
        eps: (levels,) float64.
        omega: (angles,) float64 in (0, pi].

    Source: IGSO(3) density, Leach et al. 2022; published truncation.
    """
    order = torch.arange(TERMS, dtype=torch.float64)
    weight = (2 * order + 1) * torch.exp(-order * (order + 1) * eps[:, None] ** 2)
    half = order[:, None] + 0.5
    sine, cosine = torch.sin(half * omega), torch.cos(half * omega)
    low_sine, low_cosine = torch.sin(omega / 2), torch.cos(omega / 2)
    derivative = (half * cosine * low_sine - 0.5 * sine * low_cosine) / low_sine**2
    return weight @ (sine / low_sine), weight @ derivative


class IGSO3Table:
    """Tabulated IGSO(3); all lookups are vectorised and run on the device of their arguments.

    Args:
        cdf: (LEVELS, ANGLES) running sums of the angle density.
        score: (LEVELS, ANGLES) derivative of the log of the series by the angle.
        norm: (LEVELS,) expected score norm.
    """

    def __init__(
        self,
        cdf: Float64[Tensor, "levels angles"],
        score: Float64[Tensor, "levels angles"],
        norm: Float64[Tensor, " levels"],
    ) -> None:
        self.cdf, self.score, self.norm = cdf, score, norm
        self.omega = angle_grid()
        self._devices: dict[torch.device, IGSO3Table] = {}

    def on(self, device: torch.device) -> IGSO3Table:
        """The same table on another device; copied once per device."""
        if device == self.cdf.device:
            return self
        if device not in self._devices:
            copy = IGSO3Table(self.cdf.to(device), self.score.to(device), self.norm.to(device))
            copy.omega = self.omega.to(device)
            self._devices[device] = copy
        return self._devices[device]

    @staticmethod
    def row(sigma: Float[Tensor, "*batch"]) -> Int[Tensor, "*batch"]:
        """(...) int64 table row of a noise level in radians."""
        low, high = (math.log10(value) for value in LEVEL_RANGE)
        fraction = (torch.log10(sigma.double()) - low) / (high - low)
        return torch.round(fraction * LEVELS).long().clamp(0, LEVELS - 1)

    def sample_angles(
        self, sigma: Float[Tensor, " batch"], uniform: Float[Tensor, " batch"]
    ) -> Float64[Tensor, " batch"]:
        """(batch,) rotation angles in radians, the inverse of the cumulative density at uniform numbers.

        Args:
            sigma: (batch,) noise levels in radians.
            uniform: (batch,) in [0, 1).
        """
        table = self.on(sigma.device)
        cdf = table.cdf[table.row(sigma)]
        return _interpolate(uniform.double(), cdf, table.omega.expand_as(cdf))

    def score_vectors(
        self, vector: Float[Tensor, "batch 3"], sigma: Float[Tensor, " batch"]
    ) -> Float[Tensor, "batch 3"]:
        """(batch, 3) score at rotation vectors (batch, 3) in radians for noise levels sigma (batch,)."""
        table = self.on(sigma.device)
        score = table.score[table.row(sigma)]
        angle = vector.double().norm(dim=-1)
        value = _interpolate(angle, table.omega.expand_as(score), score)
        return vector / angle.clamp_min(1e-12)[:, None].to(vector.dtype) * value[:, None].to(vector.dtype)

    def score_norm(self, sigma: Float[Tensor, "*batch"]) -> Float64[Tensor, "*batch"]:
        """(batch,) float64 expected score norm at noise levels sigma (batch,)."""
        table = self.on(sigma.device)
        return table.norm[table.row(sigma)]


def _interpolate(
    x: Float64[Tensor, " batch"], grid: Float64[Tensor, "batch grid"], value: Float64[Tensor, "batch grid"]
) -> Float64[Tensor, " batch"]:
    """(batch,) linear interpolation on one increasing grid per row, constant outside it."""
    upper = torch.searchsorted(grid.contiguous(), x[:, None].contiguous()).clamp(1, grid.shape[1] - 1)
    left, right = grid.gather(1, upper - 1).squeeze(1), grid.gather(1, upper).squeeze(1)
    low, high = value.gather(1, upper - 1).squeeze(1), value.gather(1, upper).squeeze(1)
    fraction = ((x - left) / (right - left).clamp_min(1e-300)).clamp(0, 1)
    return low + fraction * (high - low)


def build_table() -> IGSO3Table:
    """The table from the series, in about a second."""
    omega = angle_grid()
    series, derivative = expansion(level_grid(), omega)
    density = series * (1 - torch.cos(omega)) / math.pi
    score = derivative / series
    cdf = density.cumsum(1) / ANGLES * math.pi
    norm = ((score**2 * density).sum(1) / density.sum(1) / math.pi).sqrt()
    return IGSO3Table(cdf, score, norm)


@lru_cache(maxsize=1)
def igso3_table() -> IGSO3Table:
    """The table, read from the user's cache folder or built and put there; a damaged cache is built again."""
    path = cache_dir() / "tables" / CACHE_NAME
    try:
        tensors, facts = load_weights(path)
        if facts.get("crc32") == _checksum(tensors):
            return IGSO3Table(tensors["cdf"], tensors["score"], tensors["norm"])
    except (CheckpointError, OSError):
        pass
    table = build_table()
    tensors = {"cdf": table.cdf, "score": table.score, "norm": table.norm}
    try:
        save_weights(path, tensors, {"kind": "igso3", "crc32": _checksum(tensors)})
    except OSError:  # a read-only home costs a second per process, nothing else
        pass
    return table


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    """CRC-32 of the names, shapes and bytes of tensors."""
    value = 0
    for name, tensor in sorted(tensors.items()):
        value = zlib.crc32(
            tensor.contiguous().numpy().tobytes(), zlib.crc32(f"{name} {tuple(tensor.shape)}".encode(), value)
        )
    return value
