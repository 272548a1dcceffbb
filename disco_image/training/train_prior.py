"""Run stage 2: train the prior over the latents of a stage-1 checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from disco_dock.latents.metrics import code_usage, perplexity
from disco_dock.latents.transformer import CodePrior, CodePriorConfig
from disco_dock.runtime.distributed import processes
from disco_dock.runtime.ema import ExponentialMovingAverage
from disco_dock.runtime.errors import CheckpointError, ConfigError
from disco_dock.runtime.files import sha256_file
from disco_dock.runtime.loop import TrainingRun
from disco_dock.runtime.random import generator
from disco_image.data.source import ImageSource
from disco_image.models.checkpoint import FOLDER, Prior, load_models, read_part, save_part
from disco_image.models.gaussian_prior import GaussianPrior, GaussianPriorConfig
from disco_image.training.prior_stage import (
    LatentSet,
    extract_latents,
    gaussian_prior_loss,
    held_out_nats,
    one_hot_labels,
    unigram_nats,
)
from disco_image.training.settings import TrainConfig
from disco_image.training.train_denoiser import make_batches, own_rows

logger = logging.getLogger(__name__)
STAGE = "prior"
CHECKS = 12
"""Measurements of the held-out likelihood over the run; the best weights are kept."""


def build_prior(config: TrainConfig, num_classes: int) -> Prior:
    """An untrained prior for the run's latents."""
    sizes, latents = config.prior, config.latents
    if latents.kind == "discrete":
        return CodePrior(
            CodePriorConfig(
                codebook=latents.codebook,
                num_classes=num_classes,
                width=sizes.width,
                layers=sizes.layers,
                heads=sizes.heads,
                dropout=sizes.dropout,
            )
        )
    return GaussianPrior(
        GaussianPriorConfig(
            tokens=latents.num_latents,
            dimension=latents.dimension,
            num_classes=num_classes,
            width=sizes.width,
            layers=sizes.layers,
            heads=sizes.heads,
        )
    )


def train_prior(
    config: TrainConfig,
    source: ImageSource,
    out: Path,
    device: torch.device,
    on_step: Callable[[TrainingRun, dict[str, float]], None] | None = None,
    on_encoded: Callable[[int], None] = lambda count: None,
) -> None:
    """Train until the loop's end and add the prior to `out/checkpoint`; rerunning resumes.

    Args:
        config: settings; its latents must be those of stage 1.
        source: the images of stage 1.
        out: folder of the run.
        device: to train on.
        on_step: called after each step with the run and the step's metrics.
        on_encoded: called with the number of images whose latents were inferred.

    Raises:
        CheckpointError: stage 1 has not been run, or was trained on after this stage began.
        ConfigError: a plain model, or other latents.
    """
    models = load_models(out / FOLDER, device, with_encoder=True)
    if models.encoder is None:
        raise ConfigError(f"{out / FOLDER}: a model without latents needs no prior; leave this stage out")
    if models.config.latents != config.latents:
        raise ConfigError(f"{out / FOLDER}: trained with other latents than these settings; give those of stage 1")
    stage = config.prior
    encoder_hash = sha256_file(out / FOLDER / "encoder.safetensors")
    _check_same_encoder(out, encoder_hash)
    batches = make_batches(config, source, stage.batch_size)
    data = extract_latents(models.encoder, batches, stage.passes, stage.held_out, device, on_encoded)
    batches.close()
    training = torch.arange(len(data.latents))[~data.held_out]
    torch.manual_seed(config.seed)
    prior = build_prior(config, models.config.num_classes)
    if isinstance(prior, GaussianPrior):
        prior.mean.copy_(data.latents[training].mean(0))
        prior.std.copy_(data.latents[training].std(0).clamp_min(1e-4))
    prior.to(device)
    optimiser = torch.optim.AdamW(
        prior.parameters(), lr=stage.loop.learning_rate, weight_decay=stage.weight_decay, betas=(0.9, 0.98)
    )
    ema = ExponentialMovingAverage(prior, stage.ema_decay)
    facts: dict[str, Any] = {"encoder": encoder_hash, "held_out_images": int(data.held_out.sum()) // stage.passes}
    if isinstance(prior, CodePrior):
        facts |= _code_facts(data, config)

    run = TrainingRun(prior, optimiser, ema, out / STAGE, stage.loop, seed=config.seed)
    rows = own_rows(stage.batch_size)

    def next_batch(step: int) -> tuple[Tensor, Tensor | None, Tensor]:
        random = generator("prior", config.seed, step)
        chosen = training[torch.randint(len(training), (stage.batch_size,), generator=random)][rows]
        latents = data.latents[chosen]
        labels = None if data.labels is None else data.labels[chosen].to(device)
        draws = torch.zeros(0)
        if isinstance(prior, GaussianPrior):
            draws = torch.randn(stage.batch_size, 1 + latents.shape[1], generator=random)[rows]
        return latents.to(device), labels, draws.to(device)

    every = max(1, stage.loop.max_steps // CHECKS)

    def loss_fn(batch: tuple[Tensor, Tensor | None, Tensor], step: int) -> tuple[Tensor, dict[str, float]]:
        latents, labels, draws = batch
        if step and step % every == 0 and processes().first:
            export()
        if isinstance(prior, GaussianPrior):
            hot = one_hot_labels(labels, models.config.num_classes)
            loss = gaussian_prior_loss(prior, latents, hot, draws).mean()
        else:
            logits = prior(latents, labels)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), latents.flatten()) * latents.shape[1]
        return loss, {"loss": float(loss.detach())}

    def export() -> None:
        """Keep the averaged weights where their held-out likelihood is the best so far."""
        prior.eval()
        with ema.swapped(prior):
            known = {**facts, "steps": run.step}
            if isinstance(prior, CodePrior):
                known["held_out_nats"] = held_out_nats(prior, data, device)
                run.log.write(run.step, {name: known[name] for name in ("held_out_nats", "unigram_nats")})
            if known.get("held_out_nats", 0.0) <= _kept_nats(out, run.step):
                save_part(out / FOLDER, "prior", prior, prior.config, known)
        prior.train()

    run.run(next_batch, loss_fn, export, on_step=on_step)


def _code_facts(data: LatentSet, config: TrainConfig) -> dict[str, Any]:
    """Use of the codes, and the likelihood that any prior must beat."""
    usage = code_usage(data.latents, config.latents.vocab_size)
    return {
        "unigram_nats": unigram_nats(data.latents, data.held_out, config.latents.vocab_size),
        "code_perplexity": perplexity(usage).tolist(),
        "code_counts": usage.tolist(),
    }


def _kept_nats(out: Path, step: int) -> float:
    """Held-out nats of the exported prior, infinite where there is none or it is of later steps than this run's."""
    if not (out / FOLDER / "prior.safetensors").exists():
        return float("inf")
    facts = read_part(out / FOLDER / "prior.safetensors", "prior")[1].get("facts", {})
    return float("inf") if facts.get("steps", 0) > step else facts.get("held_out_nats", 0.0)


def _check_same_encoder(out: Path, encoder_hash: str) -> None:
    if not (out / FOLDER / "prior.safetensors").exists():
        return
    facts = read_part(out / FOLDER / "prior.safetensors", "prior")[1].get("facts", {})
    if facts.get("encoder") != encoder_hash:
        raise CheckpointError(
            f"{out / FOLDER}: stage 1 was trained on after the prior; to train the prior again, "
            f"delete prior.safetensors and {out / STAGE}"
        )
