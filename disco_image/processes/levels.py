"""Which noise levels are trained, and how much each one counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn

from disco_dock.runtime.errors import ConfigError
from disco_image.processes.noise import ProcessConfig

LAMBDA_RANGE = (-10.0, 14.0)
"""Log signal-to-noise ratios -2 log(sigma) among which the maximum of EDM's weight is looked for."""
TABLE = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class LevelConfig:
    """Distribution and weight of the training noise levels.

    Attributes:
        kind: ``log-normal`` is EDM's; ``monotonic`` is VDM++'s EDM-monotonic weighting, levels drawn in proportion to
            the weight; ``adaptive`` has the same weighting, and levels follow the loss (`AdaptiveLevels`).
        p_mean: mean of log sigma before the shift.
        p_std: its standard deviation.
        shift_resolution: the levels are multiplied by resolution / shift_resolution; 0 for no shift.
    """

    kind: Literal["log-normal", "monotonic", "adaptive"] = "log-normal"
    p_mean: float = -1.2
    p_std: float = 1.2
    shift_resolution: int = 0

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.p_std <= 0 or self.shift_resolution < 0:
            raise ConfigError("levels needs p_std > 0 and shift_resolution >= 0")

    def shift(self, resolution: int) -> float:
        """The factor on sigma at a resolution.

        Source: Hoogeboom et al. 2023 (arXiv:2301.11093), eq. 4: log SNR + 2 log(base / resolution).
        """
        return resolution / self.shift_resolution if self.shift_resolution else 1.0


def draw_levels(config: LevelConfig, process: ProcessConfig, resolution: int, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """Noise levels and weights of the squared error of the denoised image, both (batch,).

    ``monotonic`` levels lie between the process's sigma_min and sigma_max, where sampling needs them. ``log-normal``
    ones are not cut, as in EDM: with its settings fewer than 2 in 100,000 lie outside.

    Args:
        config: distribution.
        process: for the standard deviation of the data and the range of levels.
        resolution: of the images, for the shift.
        uniform: (batch,) in [0, 1).
    """
    scale, sigma_data = config.shift(resolution), process.sigma_data
    if config.kind == "log-normal":
        # torch.special.ndtri is the inverse of the normal distribution function
        normal = torch.special.ndtri(uniform.double().clamp(1e-7, 1 - 1e-7))
        sigma = scale * torch.exp(config.p_mean + config.p_std * normal)
        weight = edm_weight(sigma / scale, sigma_data) / scale**2
        return sigma.float(), weight.float()
    table, cdf, normaliser = _monotonic_table(config.p_mean, config.p_std, sigma_data, _ends(process, scale))
    place = torch.searchsorted(cdf, uniform.double().clamp(max=1 - 1e-9)).clamp(1, TABLE - 1)
    low, high = cdf[place - 1], cdf[place]
    fraction = (uniform.double() - low) / (high - low)
    log_snr = table[place - 1] + fraction * (table[place] - table[place - 1])
    sigma = scale * torch.exp(-log_snr / 2)
    # levels are drawn in proportion to w, so that the squared error of the noise, |D - y|^2 / sigma^2, keeps weight one
    return sigma.float(), (normaliser / sigma.square()).float()


def _ends(process: ProcessConfig, scale: float) -> tuple[float, float]:
    """Log SNR of the process's largest and smallest level, before the shift."""
    return -2 * math.log(process.sigma_max / scale), -2 * math.log(process.sigma_min / scale)


class AdaptiveLevels(nn.Module):
    """Levels in proportion to the weighted loss that the model has there, so that every draw counts about the same.

    The loss is followed in bins of log SNR by a slow average, which is part of a run's state; it starts in proportion
    to the weight.

    Args:
        config: the weighting.
        process: for the data's standard deviation and the range of levels.
        resolution: of the images, for the shift.

    Source: Kingma and Gao 2023 (arXiv:2303.00848), app. F, the adaptive noise schedule.
    """

    BINS = 100
    DECAY = 0.999
    FLOOR = 0.1
    """Density of a bin, over the mean one, that is kept whatever its loss."""

    def __init__(self, config: LevelConfig, process: ProcessConfig, resolution: int) -> None:
        super().__init__()
        self._scale = config.shift(resolution)
        low, high = _ends(process, self._scale)
        self._low, self._width = low, (high - low) / self.BINS
        middles = low + self._width * (torch.arange(self.BINS, dtype=torch.float64) + 0.5)
        self.weight: Tensor
        self.loss: Tensor
        weight = monotonic_weight(middles, config.p_mean, config.p_std, process.sigma_data)
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("loss", weight.clone())

    def _density(self) -> Tensor:
        """(bins,) probability of each bin."""
        share = self.loss / self.loss.sum()
        return (share + self.FLOOR / self.BINS) / (1 + self.FLOOR)

    def draw(self, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Noise levels and weights of the squared error of the denoised image, both (batch,), of numbers in [0, 1)."""
        p = self._density()
        cdf = torch.cat([p.new_zeros(1), p.cumsum(0)])
        level = uniform.to(cdf).clamp(max=1 - 1e-9) * cdf[-1]
        place = (torch.searchsorted(cdf, level, right=True) - 1).clamp(0, self.BINS - 1)
        log_snr = self._low + self._width * (place + (level - cdf[place]) / p[place])
        sigma = self._scale * torch.exp(-log_snr / 2)
        # w / p of the squared error of the noise, p per unit of log SNR
        weight = self.weight[place] * self._width / p[place] / sigma.square()
        return sigma.float(), weight.float()

    @torch.no_grad()
    def seen(self, sigma: Tensor, weighted: Tensor) -> Tensor:
        """(2, bins): sum of the weighted loss and number of levels in each bin; sums over processes may be added.

        Args:
            sigma: (batch,) levels of `draw`.
            weighted: (batch,) squared errors times the weight of `draw`.
        """
        log_snr = -2 * torch.log(sigma.to(self.loss) / self._scale)
        place = ((log_snr - self._low) / self._width).long().clamp(0, self.BINS - 1)
        value = weighted.to(self.loss) * self._density()[place] / self._width  # the loss without 1 / p
        out = self.loss.new_zeros(2, self.BINS)
        return out.index_add(1, place, torch.stack([value, torch.ones_like(value)]))

    @torch.no_grad()
    def follow(self, seen: Tensor) -> None:
        """Move the average loss of the bins towards what was `seen` in them."""
        sums, counts = seen.unbind(0)
        keep = self.DECAY**counts
        self.loss.copy_(keep * self.loss + (1 - keep) * sums / counts.clamp_min(1))


def edm_weight(sigma: Tensor, sigma_data: float) -> Tensor:
    """Weight (sigma^2 + sigma_data^2) / (sigma sigma_data)^2.

    Source: Karras et al. 2022 (arXiv:2206.00364), table 1.
    """
    return (sigma.square() + sigma_data**2) / (sigma * sigma_data).square()


def monotonic_weight(log_snr: Tensor, p_mean: float, p_std: float, sigma_data: float) -> Tensor:
    """Weight w(log SNR) of the squared error of the noise; EDM's, held at its maximum towards high noise.

    Source: Kingma and Gao 2023 (arXiv:2303.00848), sec. 5 and app. D, "EDM-monotonic". EDM's weight in these terms is
    N(lambda; -2 p_mean, (2 p_std)^2) (exp(-lambda) + sigma_data^2).
    """
    weight = _edm_in_log_snr(log_snr, p_mean, p_std, sigma_data)
    fine = torch.linspace(*LAMBDA_RANGE, TABLE, dtype=torch.float64)
    values = _edm_in_log_snr(fine, p_mean, p_std, sigma_data)
    peak = int(values.argmax())
    return torch.where(log_snr < fine[peak], values[peak], weight)


def _edm_in_log_snr(log_snr: Tensor, p_mean: float, p_std: float, sigma_data: float) -> Tensor:
    mean, std = -2 * p_mean, 2 * p_std
    normal = torch.exp(-0.5 * ((log_snr - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))
    return normal * (torch.exp(-log_snr) + sigma_data**2) / sigma_data**2


@lru_cache(maxsize=8)
def _monotonic_table(
    p_mean: float, p_std: float, sigma_data: float, ends: tuple[float, float]
) -> tuple[Tensor, Tensor, float]:
    """Levels of log SNR between two ends, their distribution function, and the integral of w."""
    levels = torch.linspace(*ends, TABLE, dtype=torch.float64)
    weight = monotonic_weight(levels, p_mean, p_std, sigma_data)
    areas = (weight[1:] + weight[:-1]) / 2 * (levels[1] - levels[0])
    cdf = torch.cat([torch.zeros(1, dtype=torch.float64), areas.cumsum(0)])
    return levels, cdf / cdf[-1], float(cdf[-1])
