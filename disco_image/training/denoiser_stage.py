"""Stage 1: one step of encoder and denoiser, trained end to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from disco_dock.latents.balance import missing_information
from disco_dock.runtime.distributed import differentiable_total, processes
from disco_image.data.batches import ImageBatches, RowRandom
from disco_image.models.denoiser import DenoiserWithEncoder, ModelConfig
from disco_image.models.latents import LatentConfig
from disco_image.processes.levels import LevelConfig, draw_levels
from disco_image.processes.noise import unit_noise
from disco_image.processes.precondition import spread


class StageBatch(NamedTuple):
    """One step's data and every random draw, all a function of (seed, step, row).

    Attributes:
        images: (batch, channels, resolution, resolution), clean.
        labels: (batch, classes) one-hot, or None.
        augment: (batch, 9), or None.
        sigma: (batch,) noise levels.
        weight: (batch,) of the squared error.
        noise: of the shape of the images, at sigma = 1.
        latent_random: uniform or normal numbers of the shape of the latents, or None for a plain model.
        keep: (batch,) 0.0 where the latents are dropped.
    """

    images: Tensor
    labels: Tensor | None
    augment: Tensor | None
    sigma: Tensor
    weight: Tensor
    noise: Tensor
    latent_random: Tensor | None
    keep: Tensor

    def parts(self, size: int) -> list[StageBatch]:
        """The batch in parts of at most `size` rows; 0 for one part."""
        count = len(self.sigma)
        rows = [slice(begin, begin + (size or count)) for begin in range(0, count, size or count)]
        return [StageBatch(*(None if value is None else value[part] for value in self)) for part in rows]  # type: ignore[arg-type]

    def to(self, device: torch.device, layout: torch.memory_format = torch.contiguous_format) -> StageBatch:
        """The same batch on another device, images in a memory layout."""

        def move(value: Tensor | None) -> Tensor | None:
            if value is None:
                return None
            moved = value.to(device, non_blocking=True)
            return moved.contiguous(memory_format=layout) if moved.dim() == 4 else moved

        return StageBatch(*(move(value) for value in self))  # type: ignore[arg-type]


def latent_random(config: LatentConfig, random: RowRandom) -> Tensor | None:
    """Numbers that an encoder's draw takes, of the shape of the latents; None for a plain model."""
    if config.kind == "none":
        return None
    if config.kind == "gaussian":
        return random.normal(config.dimension)
    return random.uniform(config.num_latents * config.vocab_size).view(-1, *config.shape())


def batch_maker(
    batches: ImageBatches, model: ModelConfig, levels: LevelConfig, null_rate: float
) -> Callable[[int], StageBatch]:
    """step -> batch, for this process's rows; for levels that follow the loss, `sigma` has the numbers to draw by."""

    def make(step: int) -> StageBatch:
        data = batches.make(step)
        random = RowRandom(("denoiser", batches.seed, step), batches.rows)
        uniform = random.uniform(2)
        sigma, weight = uniform[:, 0], torch.zeros(len(uniform))
        if levels.kind != "adaptive":
            sigma, weight = draw_levels(levels, model.process, model.resolution, uniform[:, 0])
        return StageBatch(
            images=data.images,
            labels=data.labels,
            augment=data.augment,
            sigma=sigma,
            weight=weight,
            noise=unit_noise(model.process, model.image_shape, random.normal),
            latent_random=latent_random(model.latents, random),
            keep=(uniform[:, 1] >= null_rate).float(),
        )

    return make


class StageLoss(NamedTuple):
    """Losses per image.

    Attributes:
        total: (batch,) what is minimised.
        error: (batch,) weighted squared error per pixel.
        kl: (batch,) divergence of continuous latents in nats.
        missing: () nats by which what a discrete code tells of its image falls short of ln k, mean over latents; zero
            where nobody asks.
    """

    total: Tensor
    error: Tensor
    kl: Tensor
    missing: Tensor


class DenoiserStage(nn.Module):
    """The networks of stage 1 and their loss.

    Args:
        model: encoder and denoiser.
        low_precision: whether the networks run under autocast to bfloat16.

    Source: DisCo-Diff (arXiv:2407.03300), eq. 3.
    """

    def __init__(self, model: DenoiserWithEncoder, low_precision: bool = False) -> None:
        super().__init__()
        self.model, self.low_precision = model, low_precision

    def forward(self, batch: StageBatch, temperature: float, encoder_learns: bool = True) -> StageLoss:
        """Losses of a batch at a temperature of the Gumbel-softmax, with or without gradient for the encoder."""
        encoder, denoiser, latents = self.model.encoder, self.model.denoiser, self.model.config.latents
        kl, missing = batch.sigma.new_zeros(len(batch.sigma)), batch.sigma.new_zeros(())
        with torch.autocast(batch.images.device.type, torch.bfloat16, enabled=self.low_precision):
            tokens = None
            if encoder is not None and batch.latent_random is not None:
                with torch.set_grad_enabled(encoder_learns and torch.is_grad_enabled()):
                    logits = encoder(batch.images, batch.labels).float()
                if latents.kind == "discrete" and latents.information:
                    missing = missing_information(logits, mean_over_all).mean()
                drawn = encoder.infer(logits, batch.latent_random, temperature)
                tokens, kl = denoiser.embed(drawn.latent, batch.keep), drawn.kl
            noisy = batch.images + spread(batch.sigma, batch.images) * batch.noise
            denoised = denoiser(noisy, batch.sigma, tokens, batch.labels, batch.augment)
        error = batch.weight * (denoised - batch.images).square().flatten(1).mean(1)
        pixels = batch.images[0].numel()
        return StageLoss(error + latents.kl_weight * kl / pixels + latents.information * missing, error, kl, missing)


def mean_over_all(values: Tensor) -> Tensor:
    """Mean over the first dimension and over the processes, which have equally many rows."""
    return differentiable_total(values.mean(0)) / processes().size
