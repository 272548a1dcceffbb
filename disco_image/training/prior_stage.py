"""Stage 2: maximum likelihood of the codes that the frozen encoder gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from disco_dock.latents.spaces import to_index
from disco_dock.latents.transformer import CodePrior
from disco_dock.runtime.distributed import gathered, processes
from disco_dock.runtime.random import generator
from disco_image.data.batches import ImageBatches, RowRandom
from disco_image.models.gaussian_prior import GaussianPrior
from disco_image.models.latents import LatentEncoder
from disco_image.processes.precondition import coefficients, spread
from disco_image.training.denoiser_stage import latent_random

CHUNK = 256
PRIOR_LEVELS = (0.0, 1.2)
"""Mean and standard deviation of log sigma in training the prior of continuous latents of unit variance."""


class LatentSet(NamedTuple):
    """Latents of a set of images, several draws of each.

    Attributes:
        latents: (draws, latents) int64 codes, or (draws, dimension).
        labels: (draws,) classes, or None.
        held_out: (draws,) bool; images that measure the likelihood, with all of their draws.
    """

    latents: Tensor
    labels: Tensor | None
    held_out: Tensor


@torch.no_grad()
def extract_latents(
    encoder: LatentEncoder,
    batches: ImageBatches,
    passes: int,
    held_out: float,
    device: torch.device,
    advance: Callable[[int], None] = lambda count: None,
) -> LatentSet:
    """Draws of every image's latents, `passes` times; every second pass sees mirrored images where training flips.

    The processes that torchrun started encode a share each.

    The paper extracts them at Gumbel-softmax temperature 0.01. A draw is the largest of logits + noise at every
    temperature, so one-hot codes have none.

    Args:
        encoder: frozen.
        batches: for images, labels and seed.
        passes: draws per image.
        held_out: share of the images that are held out.
        device: of the encoder.
        advance: called with the number of images that were encoded.

    Source: DisCo-Diff (arXiv:2407.03300), app. D.2.
    """
    count, config = batches.source.info.count, encoder.config
    group = processes()
    work = [(turn, begin) for turn in range(passes) for begin in range(0, count, CHUNK)]
    parts: list[tuple[tuple[int, int], Tensor, Tensor | None]] = []
    for turn, begin in group.share(work):
        rows = list(range(begin, min(begin + CHUNK, count)))
        images, hot = batches.stack(rows), batches.labels(rows)
        if batches.flip and turn % 2:
            images = images.flip(3)
        random = latent_random(config, RowRandom(("extract", batches.seed, turn), rows))
        assert random is not None
        logits = encoder(images.to(device), None if hot is None else hot.to(device))
        drawn = encoder.infer(logits, random.to(device), 1.0).latent.cpu()
        codes = to_index(drawn) if config.kind == "discrete" else drawn
        parts.append(((turn, begin), codes, None if hot is None else hot.argmax(1)))
        advance(len(rows) * group.size)
    parts = sorted(gathered(parts), key=lambda part: part[0])
    latents = [codes for _, codes, _ in parts]
    labels = [classes for _, _, classes in parts if classes is not None]
    order = torch.randperm(count, generator=generator("held out", batches.seed))
    out = torch.zeros(count, dtype=torch.bool)
    out[order[: max(1, int(count * held_out))]] = True
    return LatentSet(torch.cat(latents), torch.cat(labels) if labels else None, out.repeat(passes))


def unigram_nats(codes: Tensor, held_out: Tensor, vocab: int) -> float:
    """Nats per held-out sample of independent latents with the frequencies of the others (one added to each count).

    Args:
        codes: (draws, latents).
        held_out: (draws,) bool.
        vocab: codes per latent.
    """
    total = 0.0
    for column in codes.unbind(1):
        counts = torch.bincount(column[~held_out], minlength=vocab).double() + 1
        log_p = (counts / counts.sum()).log()
        total -= float(log_p[column[held_out]].mean())
    return total


@torch.no_grad()
def held_out_nats(prior: CodePrior, data: LatentSet, device: torch.device) -> float:
    """Nats per held-out sample under the prior."""
    losses = []
    codes = data.latents[data.held_out]
    labels = None if data.labels is None else data.labels[data.held_out]
    for begin in range(0, len(codes), 1024):
        rows = slice(begin, begin + 1024)
        chosen = None if labels is None else labels[rows].to(device)
        losses.append(prior.loss(codes[rows].to(device), chosen).cpu().double())
    return float(torch.cat(losses).mean())


def gaussian_prior_loss(prior: GaussianPrior, latents: Tensor, hot: Tensor | None, draws: Tensor) -> Tensor:
    """(batch,) weighted denoising error per dimension of continuous latents.

    Args:
        prior: with the latents' mean and standard deviation.
        latents: (batch, dimension).
        hot: (batch, classes) one-hot, or None.
        draws: (batch, 1 + dimension) standard normal: the noise level, then the noise.
    """
    clean = (latents - prior.mean) / prior.std
    sigma = torch.exp(PRIOR_LEVELS[0] + PRIOR_LEVELS[1] * draws[:, 0])
    noisy = clean + spread(sigma, clean) * draws[:, 1:]
    denoised = prior(noisy, sigma, hot)
    return (denoised - clean).square().mean(1) / coefficients(sigma, 1.0).out.square()


def one_hot_labels(labels: Tensor | None, num_classes: int) -> Tensor | None:
    """(batch, classes) float32, or None."""
    return None if labels is None else F.one_hot(labels, num_classes).float()
