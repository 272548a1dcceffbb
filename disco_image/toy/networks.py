"""Small networks, several seeds of each trained side by side in batched matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from disco_dock.latents.balance import unevenness
from disco_dock.latents.gumbel import relaxed_draws, straight_through_one_hot
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.random import generator
from disco_image.processes.precondition import coefficients

Kind = Literal["plain", "disco", "disco-closed-form", "gaussian"]
GAIN = 1.68
"""Keeps the size of what passes a layer of SiLU units: 1 / sqrt(E silu(x)^2) of a standard normal x."""
WAVES = 4
"""Sines and cosines of the noise level that the denoiser sees."""
ENCODER_WIDTH = 32
CLOSED_FORM_STD = 0.2
"""sigma_1 of the paper's closed-form decoder: the standard deviation of a mode of the ring."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToyModelConfig:
    """A model on two-dimensional data.

    Attributes:
        kind: ``plain``, ``disco`` (one discrete latent), ``disco-closed-form`` (told the shape of a mode,
            an advantage that the others lack) or ``gaussian`` (a continuous latent).
        vocab_size: k.
        dimension: of a continuous latent.
        kl_weight: of a continuous latent.
        relaxed: whether training takes the relaxed Gumbel-softmax in place of straight-through one-hot codes.
        temperature: of the Gumbel-softmax.
        balance: weight of the even use of codes; the paper has no such term.
        budget: parameters of all networks together; their common width follows from it.
    """

    kind: Kind = "disco"
    vocab_size: int = 8
    dimension: int = 2
    kl_weight: float = 0.1
    relaxed: bool = False
    temperature: float = 1.0
    balance: float = 0.0
    budget: int = 16_000

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.vocab_size < 2 or self.dimension < 1 or min(self.kl_weight, self.balance) < 0 or self.budget < 1500:
            raise ConfigError("toy models need vocab_size >= 2, dimension >= 1, weights >= 0 and budget >= 1500")
        if self.temperature <= 0:
            raise ConfigError(f"toy models need temperature > 0, got {self.temperature}")

    @property
    def latent_width(self) -> int:
        """Numbers by which the denoiser is told the latent."""
        return {"plain": 0, "gaussian": self.dimension}.get(self.kind, self.vocab_size)


class Stack(nn.Module):
    """Multi-layer perceptrons with SiLU, one per seed; parameters of a seed do not depend on the other seeds.

    Args:
        sizes: widths of input, hidden layers and output.
        seeds: of the members.
        role: names the random stream.
        dense: whether every layer sees the inputs again, and the output starts as zero; so denoisers are made.
    """

    def __init__(self, sizes: Sequence[int], seeds: Sequence[int], role: str, dense: bool = False) -> None:
        super().__init__()
        self.dense = dense
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        streams = [generator("toy weights", role, seed) for seed in seeds]
        for layer, (rows, columns) in enumerate(_layers(sizes, dense)):
            scale = (GAIN if layer else 1.0) / math.sqrt(rows)
            if dense and layer == len(sizes) - 2:
                scale = 0.0
            weight = torch.stack([scale * torch.randn(rows, columns, generator=stream) for stream in streams])
            self.weights.append(nn.Parameter(weight))
            self.biases.append(nn.Parameter(torch.zeros(len(seeds), 1, columns)))

    def forward(self, x: Tensor) -> Tensor:
        """(seeds, batch, out) of inputs (seeds, batch, in)."""
        inputs = x
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if layer:
                x = F.silu(x)
                x = torch.cat([x, inputs], -1) if self.dense else x
            x = torch.baddbmm(bias, x, weight)
        return x


def _layers(sizes: Sequence[int], dense: bool) -> list[tuple[int, int]]:
    """Rows and columns of each weight."""
    pairs = zip(sizes[:-1], sizes[1:], strict=True)
    return [(rows + (sizes[0] if dense and layer else 0), columns) for layer, (rows, columns) in enumerate(pairs)]


def _sizes(config: ToyModelConfig, width: int) -> dict[str, list[int]]:
    """Layer widths of each network: four-layer denoisers and a three-layer encoder, as in the paper."""
    latent = 0 if config.kind == "disco-closed-form" else config.latent_width
    level = 1 + 2 * WAVES
    sizes = {"denoiser": [2 + level + latent, width, width, width, 2]}
    if config.kind == "gaussian":
        sizes["encoder"] = [2, ENCODER_WIDTH, ENCODER_WIDTH, 2 * config.dimension]
        sizes["prior"] = [config.dimension + level, width, width, width, config.dimension]
    elif config.kind != "plain":
        sizes["encoder"] = [2, ENCODER_WIDTH, ENCODER_WIDTH, config.vocab_size]
    return sizes


def _count(config: ToyModelConfig, width: int) -> int:
    return sum(
        (rows + 1) * columns
        for name, sizes in _sizes(config, width).items()
        for rows, columns in _layers(sizes, name != "encoder")
    )


def width_for_budget(config: ToyModelConfig) -> int:
    """The largest width of the denoiser at which all networks of a model have at most `budget` parameters."""
    width = 2
    while _count(config, width + 1) <= config.budget:
        width += 1
    return width


def _level_features(noise: Tensor) -> list[Tensor]:
    """What a denoiser sees of the noise level, as (seeds, batch, 1) columns."""
    waves = [wave(math.pi * count * noise) for count in range(1, WAVES + 1) for wave in (torch.sin, torch.cos)]
    return [noise, *waves]


class ToyModel(nn.Module):
    """Denoiser, and encoder and prior where the model has latents, for several seeds.

    Args:
        config: of the model.
        seeds: of the members.
        sigma_data: standard deviation of the data.
    """

    def __init__(self, config: ToyModelConfig, seeds: Sequence[int], sigma_data: float) -> None:
        super().__init__()
        self.config, self.seeds, self.sigma_data = config, list(seeds), sigma_data
        self.width = width_for_budget(config)
        sizes = _sizes(config, self.width)
        self.denoiser = Stack(sizes["denoiser"], seeds, "denoiser", dense=True)
        self.encoder = Stack(sizes["encoder"], seeds, "encoder") if "encoder" in sizes else None
        self.prior = Stack(sizes["prior"], seeds, "prior", dense=True) if "prior" in sizes else None
        self.modes: nn.Parameter | None = None
        if config.kind == "disco-closed-form":
            streams = [generator("toy weights", "modes", seed) for seed in seeds]
            start = torch.stack([torch.randn(config.vocab_size, 2, generator=stream) for stream in streams])
            self.modes = nn.Parameter(start)
        shape = (len(self.seeds), 1, config.dimension)
        self.frequencies: Tensor
        self.latent_mean: Tensor
        self.latent_std: Tensor
        self.register_buffer("frequencies", torch.full((len(self.seeds), config.vocab_size), 1 / config.vocab_size))
        self.register_buffer("latent_mean", torch.zeros(shape))
        self.register_buffer("latent_std", torch.ones(shape))

    def parameters_per_seed(self) -> int:
        """Trained numbers of one member."""
        return sum(parameter.numel() for parameter in self.parameters()) // len(self.seeds)

    def denoise(self, x: Tensor, sigma: Tensor, latent: Tensor | None) -> Tensor:
        """(seeds, batch, 2) expected clean points.

        Args:
            x: (seeds, batch, 2).
            sigma: (seeds, batch, 1).
            latent: (seeds, batch, latent_width), or None for a plain model.
        """
        c = coefficients(sigma, self.sigma_data)
        inputs = [c.c_in * x, *_level_features(c.noise)]
        if self.modes is not None:
            # G = (F(z) - x) / (t^2 + sigma_1^2) + H(x, t) as in app. F of the paper; D = x + t^2 G
            assert latent is not None
            pull = sigma.square() / (sigma.square() + CLOSED_FORM_STD**2)
            return x + pull * (latent @ self.modes - x) + c.out * self.denoiser(torch.cat(inputs, -1))
        if latent is not None:
            inputs.append(latent)
        return c.skip * x + c.out * self.denoiser(torch.cat(inputs, -1))

    def infer(self, clean: Tensor, random: Tensor) -> tuple[Tensor | None, Tensor]:
        """Latents drawn by the encoder, (seeds, batch, latent_width), and what they cost, (seeds,) in nats.

        The cost of a continuous latent is its mean divergence from the standard normal. That of a discrete one is how
        far the use of the codes, averaged over the batch, is from an even one (ln k less its entropy).

        Args:
            clean: (seeds, batch, 2).
            random: (seeds, batch, latent_width) uniform numbers, or normal ones for a continuous latent.
        """
        if self.encoder is None:
            return None, clean.new_zeros(len(clean))
        out = self.encoder(clean / self.sigma_data)
        if self.config.kind == "gaussian":
            mean, log_std = out.chunk(2, -1)
            log_std = log_std.clamp(-6, 3)
            kl = 0.5 * (mean.square() + (2 * log_std).exp() - 1 - 2 * log_std).sum(-1)
            return mean + log_std.exp() * random, kl.mean(1)
        uneven = unevenness(out.softmax(-1).mean(1))
        draw = relaxed_draws if self.config.relaxed else straight_through_one_hot
        return draw(out, temperature=self.config.temperature, uniform=random), uneven

    def prior_denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        """(seeds, batch, dimension) expected clean normalised latents of the continuous prior."""
        assert self.prior is not None
        c = coefficients(sigma, 1.0)
        return c.skip * x + c.out * self.prior(torch.cat([c.c_in * x, *_level_features(c.noise)], -1))
