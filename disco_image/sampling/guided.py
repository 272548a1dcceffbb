"""The denoiser as solvers see it: with latents, guidance on an interval, and a switch of latents on the way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from disco_dock.latents.guidance import guide
from disco_dock.runtime.errors import ConfigError
from disco_image.models.denoiser import Denoiser
from disco_image.sampling.solvers import Denoise


@dataclass(frozen=True, kw_only=True, slots=True)
class GuidanceSettings:
    """Guidance on the latents, D_z + weight (D_z - D_null).

    Weight 0 is plain conditioning and costs nothing extra; weight w is guidance scale 1 + w. Table 3 of DisCo-Diff uses
    this convention ("cfg=0" is conditional); its appendix B prints w D_z + (1 - w) D_null, where that is w = 1.

    Attributes:
        weight: w.
        sigma_min: guidance acts at levels from here,
        sigma_max: to here.
    """

    weight: float = 0.0
    sigma_min: float = 0.0
    sigma_max: float = 1e9

    def __post_init__(self) -> None:
        """Check the interval."""
        if not 0 <= self.sigma_min <= self.sigma_max:
            raise ConfigError("guidance needs 0 <= sigma_min <= sigma_max")

    def active(self, sigma: float) -> bool:
        """Whether the null prediction is needed at a level."""
        return self.weight != 0 and self.sigma_min <= sigma <= self.sigma_max


def latent_denoise(
    model: Denoiser,
    latent: Tensor | None,
    *,
    labels: Tensor | None = None,
    guidance: GuidanceSettings | None = None,
    keep: Tensor | None = None,
    precision: torch.dtype = torch.float32,
) -> Denoise:
    """The denoiser at fixed latents; tokens are computed once.

    Args:
        model: in evaluation mode.
        latent: (batch, ...) of the model, or None for a plain one.
        labels: (batch, classes) one-hot, or None.
        guidance: None for none.
        keep: (batch,) 0.0 where the null embedding stands for the latent; None keeps all.
        precision: of the networks; bfloat16 runs them under autocast.

    Raises:
        ConfigError: guidance of a model without latents.
    """
    settings = guidance or GuidanceSettings()
    if settings.weight and latent is None:
        raise ConfigError("guidance acts on latents, and this is a plain model; leave guidance out")
    low = precision != torch.float32

    def run(tokens: list[Tensor] | None, x: Tensor, sigma: float) -> Tensor:
        levels = x.new_full((len(x),), sigma)
        with torch.autocast(x.device.type, precision, enabled=low):
            return model(x, levels, tokens, labels)

    tokens = model.embed(latent, keep)
    if not settings.weight or latent is None:
        return partial(run, tokens)
    null = model.embed(latent, latent.new_zeros(len(latent)))

    def guided(x: Tensor, sigma: float) -> Tensor:
        conditional = run(tokens, x, sigma)
        if not settings.active(sigma):
            return conditional
        return guide(conditional, run(null, x, sigma), settings.weight)

    return guided


def switched(first: Denoise, second: Denoise, below: float) -> Denoise:
    """`first` at levels above `below`, `second` from there on: a change of latents on the way.

    Source: DisCo-Diff (arXiv:2407.03300), sec. 4.1, where late changes are found to matter little.
    """
    return lambda x, sigma: first(x, sigma) if sigma > below else second(x, sigma)
