"""Training of toy models: one loop for every kind, all seeds at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.random import generator
from disco_image.processes.levels import edm_weight
from disco_image.toy.densities import Density
from disco_image.toy.networks import ToyModel, ToyModelConfig

POINTS = 8000
"""Of the training set, every mode equally often (DisCo-Diff, app. F)."""
WARMUP = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class ToyTrainConfig:
    """Length of training.

    Attributes:
        steps: updates.
        prior_steps: updates of the prior of a continuous latent.
        batch_size: points per step and seed.
        learning_rate: peak rate of Adam; falls to zero by a cosine.
        p_start: mean of the log of the noise level over the data's standard deviation at the start; high levels
            come first, where the modes are told apart.
        p_mean: that mean from the middle of training on.
        p_std: standard deviation of that log.
        encoder_rate: rate of the encoder over that of the denoiser.
        encoder_share: share of the steps in which the encoder learns, by a cosine of its own.
        average: rate of the exponential moving average of the weights.
    """

    steps: int = 2500
    prior_steps: int = 1000
    batch_size: int = 128
    learning_rate: float = 1e-2
    p_start: float = 0.5
    p_mean: float = -1.0
    p_std: float = 1.2
    encoder_rate: float = 1.0
    encoder_share: float = 1.0
    average: float = 0.99

    def __post_init__(self) -> None:
        """Check ranges."""
        if min(self.steps, self.prior_steps, self.batch_size) < 1 or self.learning_rate <= 0 or self.p_std <= 0:
            raise ConfigError("toy training needs positive steps, batch_size, learning_rate and p_std")
        if not 0 < self.encoder_share <= 1 or self.encoder_rate < 0:
            raise ConfigError("toy training needs 0 < encoder_share <= 1 and encoder_rate >= 0")


class Streams:
    """One random stream per seed and purpose, drawn a block of steps at a time."""

    def __init__(self, purpose: str, seeds: Sequence[int]) -> None:
        self._generators = [generator("toy", purpose, seed) for seed in seeds]

    def normal(self, *shape: int) -> Tensor:
        """(seeds, *shape) standard normal numbers."""
        return torch.stack([torch.randn(shape, generator=stream) for stream in self._generators])

    def uniform(self, *shape: int) -> Tensor:
        """(seeds, *shape) numbers in [0, 1)."""
        return torch.stack([torch.rand(shape, generator=stream) for stream in self._generators])


def train_toy(
    config: ToyModelConfig,
    training: ToyTrainConfig,
    density: Density,
    seeds: Sequence[int],
    watch: Callable[[int, ToyModel], None] | None = None,
) -> ToyModel:
    """Trained and averaged models, with their priors, one per seed; `watch` sees the model before each step."""
    points = torch.stack([density.balanced(POINTS, generator("toy data", seed)) for seed in seeds])
    sigma_data = float(points.std())
    model = ToyModel(config, seeds, sigma_data)
    streams, uses_normal = Streams("denoiser", seeds), config.kind == "gaussian"
    weight = config.kl_weight / 2 if uses_normal else config.balance

    def loss(progress: float) -> Tensor:
        batch = training.batch_size
        place = (streams.uniform(batch) * POINTS).long()
        clean = points.gather(1, place[..., None].expand(-1, -1, 2))
        level = streams.normal(batch, 1)
        mean = training.p_start + (training.p_mean - training.p_start) * min(1.0, 2 * progress)
        sigma = sigma_data * torch.exp(mean + training.p_std * level)
        width = max(1, config.latent_width)
        random = streams.normal(batch, width) if uses_normal else streams.uniform(batch, width)
        latent, cost = model.infer(clean, random)
        denoised = model.denoise(clean + sigma * streams.normal(batch, 2), sigma, latent)
        error = edm_weight(sigma, sigma_data).squeeze(-1) * (denoised - clean).square().mean(-1)
        return (error.mean(1) + weight * cost).sum()

    encoder = [] if model.encoder is None else list(model.encoder.parameters())
    denoiser = [*model.denoiser.parameters(), *([] if model.modes is None else [model.modes])]
    steps = 0

    def watched(progress: float) -> Tensor:
        nonlocal steps
        if watch is not None:
            watch(steps, model)
        steps += 1
        return loss(progress)

    _optimise(denoiser, encoder, watched, training.steps, training)
    _fit_prior(model, training, points, seeds)
    return model.requires_grad_(False)


def _fit_prior(model: ToyModel, training: ToyTrainConfig, points: Tensor, seeds: Sequence[int]) -> None:
    """Maximum-likelihood prior: frequencies of a discrete latent, a diffusion model of a continuous one."""
    config, streams = model.config, Streams("prior", seeds)
    if config.kind == "plain":
        return
    with torch.no_grad():
        width = config.latent_width
        random = streams.normal(POINTS, width) if config.kind == "gaussian" else streams.uniform(POINTS, width)
        latents, _ = model.infer(points, random)
    assert latents is not None
    if config.kind != "gaussian":
        codes = torch.nn.functional.one_hot(latents.argmax(-1), config.vocab_size).float()
        model.frequencies.copy_(codes.mean(1))
        return
    model.latent_mean.copy_(latents.mean(1, keepdim=True))
    model.latent_std.copy_(latents.std(1, keepdim=True).clamp_min(1e-3))
    clean_latents = (latents - model.latent_mean) / model.latent_std
    assert model.prior is not None

    def loss(_: float) -> Tensor:
        batch = training.batch_size
        place = (streams.uniform(batch) * POINTS).long()
        clean = clean_latents.gather(1, place[..., None].expand(-1, -1, config.dimension))
        sigma = torch.exp(training.p_mean + training.p_std * streams.normal(batch, 1))
        denoised = model.prior_denoise(clean + sigma * streams.normal(batch, config.dimension), sigma)
        error = edm_weight(sigma, 1.0).squeeze(-1) * (denoised - clean).square().mean(-1)
        return error.mean(1).sum()

    _optimise(list(model.prior.parameters()), [], loss, training.prior_steps, training)


def _optimise(
    denoiser: list[torch.nn.Parameter],
    encoder: list[torch.nn.Parameter],
    loss_fn: Callable[[float], Tensor],
    steps: int,
    training: ToyTrainConfig,
) -> None:
    """Adam with cosine decay; the parameters end as their moving average.

    The losses of the seeds are summed and Adam normalises each parameter, so a seed's result does not depend on others.

    Args:
        denoiser: parameters that learn to the end.
        encoder: parameters that learn in the first `encoder_share` of the steps.
        loss_fn: share of the steps that is done -> loss.
        steps: updates.
        training: rates.
    """
    shares = (1.0, training.encoder_share)
    groups = [{"params": parameters} for parameters in (denoiser, encoder) if parameters]
    optimiser = torch.optim.Adam(groups, lr=training.learning_rate, betas=(0.9, 0.99), foreach=True)
    every = [*denoiser, *encoder]
    average = [parameter.detach().clone() for parameter in every]
    for step in range(steps):
        progress, warm = step / steps, min(1.0, (step + 1) / WARMUP)
        for group, share, factor in zip(optimiser.param_groups, shares, (1.0, training.encoder_rate), strict=False):
            rate = training.learning_rate * factor * warm
            group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * min(1.0, progress / share)))
        optimiser.zero_grad()
        loss_fn(progress).backward()
        optimiser.step()
        rate = min(training.average, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(average, [parameter.detach() for parameter in every], 1 - rate)
    with torch.no_grad():
        for parameter, value in zip(every, average, strict=True):
            parameter.copy_(value)
