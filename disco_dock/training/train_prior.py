"""Run stage 2: train the latent prior of a score checkpoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.plan import BatchPlan
from disco_dock.data.prefetch import Prefetcher
from disco_dock.models.build import CheckpointConfig, load_models, save_part, write_config
from disco_dock.models.prior import LatentPrior
from disco_dock.runtime.ema import ExponentialMovingAverage
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.loop import TrainingRun
from disco_dock.training.earlier_stages import copy_matching, part_hashes, require_same_inputs
from disco_dock.training.presets import preset
from disco_dock.training.prior_stage import PriorBatch, PriorStage, make_prior_batch
from disco_dock.training.settings import TrainConfig
from disco_dock.training.train_score import VALIDATION_SEED, make_optimiser, make_plan

VALIDATION_BATCHES = 28


def train_prior(
    shards: Path, validation: Path | None, out: Path, config: TrainConfig, device: torch.device
) -> CheckpointConfig:
    """Train until the loop's end and add the prior to `out/checkpoint`; rerunning resumes.

    Args:
        shards: training shards.
        validation: shards for the validation loss, or None.
        out: folder of the run, with the checkpoint of the score stage.
        config: settings; its preset must be that of the score stage.
        device: to train on.

    Raises:
        CheckpointError: the score stage has not been run, or was run again after this one began.
        ConfigError: the preset or the checkpoint has no latents, or they differ.
    """
    models = load_models(out / "checkpoint", device, with_encoder=True)
    sizes = preset(config.preset)
    if sizes.prior is None or models.encoder is None:
        raise ConfigError(f"{out / 'checkpoint'}: a model without latents needs no prior; leave this stage out")
    if sizes.score != models.config.score:
        raise ConfigError(
            f"preset {config.preset!r} is not that of {out / 'checkpoint'}; give the preset of the score stage"
        )
    torch.manual_seed(config.seed)
    prior = LatentPrior(sizes.prior)
    copy_matching(models.score.trunk, prior.trunk)
    stage = PriorStage(prior, models.encoder).to(device)
    dataset = ComplexDataset(shards, max_residues=config.max_residues)
    plan = make_plan(dataset, config, 1)
    latents = models.score.config.trunk.num_latents

    def make(step: int) -> PriorBatch:
        return make_prior_batch([dataset[i] for i in plan.batch(step)], latents=latents, seed=config.seed, step=step)

    def loss_fn(batch: PriorBatch, step: int) -> tuple[Tensor, dict[str, float]]:
        losses = stage(batch.to(device))
        return losses.loss, losses.values()

    require_same_inputs(out / "prior", part_hashes(models, ("score", "encoder")))
    ema = ExponentialMovingAverage(stage.prior, config.ema_decay)
    run = TrainingRun(stage.prior, make_optimiser(stage, config), ema, out / "prior", config.loop)
    checks = _validation_batches(validation, latents, device)
    checkpoint = replace(models.config, prior=sizes.prior)

    def export() -> None:
        facts: dict[str, Any] = {"stage": "prior", "steps": run.step, "seconds": run.seconds, "complexes": len(dataset)}
        with ema.swapped(stage.prior):
            if checks:
                values = _validation_values(stage, checks)
                run.log.write(run.step, values)
                facts |= values
            save_part(out / "checkpoint", "prior", stage.prior)
        write_config(out / "checkpoint", replace(checkpoint, training={**checkpoint.training, "prior": facts}))

    prefetch = Prefetcher(make)
    try:
        run.run(prefetch, loss_fn, export)
    finally:
        prefetch.close()
    return checkpoint


def _validation_batches(validation: Path | None, latents: int, device: torch.device) -> list[PriorBatch]:
    if validation is None:
        return []
    dataset = ComplexDataset(validation)
    plan = BatchPlan(*dataset.sizes(), batch_size=4, seed=VALIDATION_SEED)
    count = min(VALIDATION_BATCHES, len(plan.steps(0)))
    return [
        make_prior_batch([dataset[i] for i in plan.batch(k)], latents=latents, seed=VALIDATION_SEED, step=k).to(device)
        for k in range(count)
    ]


@torch.no_grad()
def _validation_values(stage: PriorStage, batches: list[PriorBatch]) -> dict[str, float]:
    """Means over the validation batches, each row with the same weight."""
    stage.eval()
    results = [(batch.graphs.size, stage(batch).values()) for batch in batches]
    stage.train()
    total = sum(rows for rows, _ in results)
    return {f"val_{name}": sum(rows * values[name] for rows, values in results) / total for name in results[0][1]}
