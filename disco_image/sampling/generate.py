"""Images from seeds: labels, latents and solver in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from disco_dock.latents.autoregressive import sample_codes
from disco_dock.latents.spaces import one_hot
from disco_dock.latents.transformer import CodePrior
from disco_dock.runtime.errors import CheckpointError, ConfigError, NumericsError
from disco_image.models.checkpoint import ImageModels
from disco_image.processes.noise import ProcessConfig, TrajectoryNoise, rho_grid
from disco_image.sampling.guided import GuidanceSettings, latent_denoise, switched
from disco_image.sampling.solvers import SolverConfig, heun, hybrid, hybrid_grids, solve
from disco_image.sampling.streams import SeedStreams

PRIOR_PROCESS = ProcessConfig(sigma_data=1.0, sigma_min=0.005, sigma_max=40.0)
PRIOR_STEPS = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleConfig:
    """How images are made.

    Attributes:
        solver: of the reverse process.
        guidance: on the latents.
        inverse_temperature: of a discrete prior; below 1 flattens it.
        batch_size: images at once; the result does not depend on it.
        precision: ``float32`` or ``bfloat16``.
        correct_below: level at which a second model takes over, where there is one.
        correct_steps: levels of the second model's whole grid, those above `correct_below` included.
    """

    solver: SolverConfig = field(default_factory=SolverConfig)
    guidance: GuidanceSettings = field(default_factory=GuidanceSettings)
    inverse_temperature: float = 1.0
    batch_size: int = 64
    precision: str = "float32"
    correct_below: float = 10.0
    correct_steps: int = 256

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.batch_size < 1 or self.inverse_temperature < 0:
            raise ConfigError("sampling needs batch_size >= 1 and inverse_temperature >= 0")
        if self.precision not in ("float32", "bfloat16"):
            raise ConfigError(f"precision must be float32 or bfloat16, got {self.precision!r}")


def class_labels(models: ImageModels, seeds: Sequence[int], chosen: int | None = None) -> Tensor | None:
    """(samples,) classes: the chosen one, or seed modulo the number of classes; None for a model without.

    Raises:
        ConfigError: the model has no such class.
    """
    count = models.config.num_classes
    if chosen is not None and not 0 <= chosen < count:
        known = f"0 to {count - 1}" if count else "none: it was trained without classes"
        raise ConfigError(f"class {chosen} is not one of the model's ({known})")
    if not count:
        return None
    return torch.tensor([seed % count if chosen is None else chosen for seed in seeds])


@torch.no_grad()
def draw_latents(
    models: ImageModels, seeds: Sequence[int], labels: Tensor | None, inverse_temperature: float = 1.0
) -> Tensor | None:
    """(samples, ...) latents from the prior, each a function of its seed; None for a plain model.

    Args:
        models: with a prior, unless plain.
        seeds: one per sample.
        labels: (samples,) classes, or None.
        inverse_temperature: of a discrete prior.

    Raises:
        CheckpointError: the model has latents and no prior.
    """
    latents = models.config.latents
    if latents.kind == "none":
        return None
    if models.prior is None:
        raise CheckpointError(
            "this checkpoint has no prior; run the training with --stage prior, or use --latents oracle"
        )
    streams, device = SeedStreams("latent", seeds), models.device
    classes = None if labels is None else labels.to(device)
    if isinstance(models.prior, CodePrior):
        index, _ = sample_codes(
            models.prior.step_function(classes),
            num_latents=latents.num_latents,
            uniform=streams.uniform(latents.num_latents).to(device),
            inverse_temperature=inverse_temperature,
        )
        return one_hot(index, latents.vocab_size)
    prior = models.prior
    hot = None if classes is None else F.one_hot(classes, models.config.num_classes).float()
    grid = rho_grid(PRIOR_PROCESS, PRIOR_STEPS).tolist()

    def denoise(x: Tensor, sigma: float) -> Tensor:
        return prior(x, x.new_full((len(x),), sigma), hot)

    drawn = heun(denoise, streams.normal(latents.dimension).to(device) * grid[0], grid)
    return drawn * prior.std + prior.mean


@torch.no_grad()
def infer_latents(models: ImageModels, images: Tensor, labels: Tensor | None, seeds: Sequence[int]) -> Tensor | None:
    """(samples, ...) latents that the encoder infers from clean images (oracle latents); None for a plain model.

    Args:
        models: with encoder, unless plain.
        images: (samples, channels, resolution, resolution) in [-1, 1].
        labels: (samples,) classes, or None.
        seeds: of the draws.

    Raises:
        CheckpointError: the encoder was not loaded.
    """
    config = models.config.latents
    if config.kind == "none":
        return None
    if models.encoder is None:
        raise CheckpointError("oracle latents need the encoder of the checkpoint")
    hot = None if labels is None else F.one_hot(labels, models.config.num_classes).float().to(models.device)
    logits = models.encoder(images.to(models.device), hot)
    streams = SeedStreams("oracle", seeds)
    if config.kind == "discrete":
        count = config.num_latents * config.vocab_size
        random = streams.uniform(count).view(-1, config.num_latents, config.vocab_size)
    else:
        random = streams.normal(config.dimension)
    return models.encoder.infer(logits, random.to(models.device), 1.0).latent


@torch.no_grad()
def generate(
    models: ImageModels,
    seeds: Sequence[int],
    config: SampleConfig,
    *,
    latents: Tensor | None = None,
    labels: Tensor | None = None,
    switch: tuple[Tensor, float] | None = None,
    keep_latents: bool = True,
    correction: ImageModels | None = None,
) -> Tensor:
    """(samples, channels, resolution, resolution) images in about [-1, 1], on the CPU.

    Args:
        models: the networks.
        seeds: of the noise, one per sample.
        config: how.
        latents: (samples, ...), or None for a plain model.
        labels: (samples,) classes, or None.
        switch: latents that replace the first ones below a level of sigma.
        keep_latents: False puts the null embedding in their place.
        correction: a plain model that makes ancestral steps below `config.correct_below`, where the first one's Heun
            steps end; see `solvers.hybrid`.

    Raises:
        ConfigError: the second model does not suit the first.
        NumericsError: an image is not finite.
    """
    if correction is not None:
        _check_correction(models, correction, config)
    out = []
    device, process = models.device, models.config.process
    precision = torch.bfloat16 if config.precision == "bfloat16" else torch.float32
    for begin in range(0, len(seeds), config.batch_size):
        rows = slice(begin, begin + config.batch_size)
        streams = SeedStreams("noise", seeds[rows])
        hot = None
        if labels is not None:
            hot = F.one_hot(labels[rows], models.config.num_classes).float().to(device)

        def at(latent: Tensor | None, rows: slice = rows, hot: Tensor | None = hot):
            chosen = None if latent is None else latent[rows].to(device)
            keep = None if chosen is None or keep_latents else torch.zeros(len(chosen), device=device)
            return latent_denoise(
                models.denoiser, chosen, labels=hot, guidance=config.guidance, keep=keep, precision=precision
            )

        denoise = at(latents)
        if switch is not None:
            denoise = switched(denoise, at(switch[0]), switch[1])
        noise = TrajectoryNoise(process, models.config.image_shape, streams.normal)

        def fresh(noise: TrajectoryNoise = noise) -> Tensor:
            return noise().to(device)

        if correction is None:
            images = solve(config.solver, process, denoise, fresh)
        else:
            second = latent_denoise(correction.denoiser, None, labels=hot, precision=precision)
            grids = correction_grids(config, process)
            images = hybrid(denoise, second, fresh() * grids[0][0], grids, fresh)
        if not bool(torch.isfinite(images).all()):
            raise NumericsError(
                f"samples of seeds {seeds[rows][0]} to {seeds[rows][-1]} are not finite; use more steps"
            )
        out.append(images.float().cpu())
    return torch.cat(out)


def correction_grids(config: SampleConfig, process: ProcessConfig) -> tuple[list[float], list[float]]:
    """Levels of the first model's Heun steps and of the second one's ancestral steps."""
    first = rho_grid(process, config.solver.steps, config.solver.rho).tolist()
    second = rho_grid(process, config.correct_steps, config.solver.rho).tolist()
    return hybrid_grids(first, second, config.correct_below)


def _check_correction(models: ImageModels, correction: ImageModels, config: SampleConfig) -> None:
    a, b = models.config, correction.config
    if b.latents.kind != "none":
        raise ConfigError("the model that corrects must be a plain one (latents.kind=none)")
    if (a.image_shape, a.num_classes, a.process) != (b.image_shape, b.num_classes, b.process):
        raise ConfigError("the model that corrects has other images, classes or noise levels; give one of the same set")
    if config.solver.name != "heun":
        raise ConfigError(f"a correction follows Heun's steps, not {config.solver.name}; leave --solver out")
