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
        CheckpointError: the score stage has not been run.
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
    prior.trunk.load_state_dict(_matching(models.score.trunk.state_dict(), prior.trunk.state_dict()))
    stage = PriorStage(prior, models.encoder).to(device)
    dataset = ComplexDataset(shards, max_residues=config.max_residues)
    plan = make_plan(dataset, config, 1)
    latents = models.score.config.trunk.num_latents

    def make(step: int) -> PriorBatch:
        return make_prior_batch([dataset[i] for i in plan.batch(step)], latents=latents, seed=config.seed, step=step)

    def loss_fn(batch: PriorBatch, step: int) -> tuple[Tensor, dict[str, float]]:
        losses = stage(batch.to(device))
        return losses.loss, {name: float(value.detach()) for name, value in losses._asdict().items()}

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


def _matching(source: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
    """The target's tensors, those of the source in their place where name and shape agree."""
    return {
        name: source[name] if name in source and source[name].shape == value.shape else value
        for name, value in target.items()
    }


def _validation_batches(validation: Path | None, latents: int, device: torch.device) -> list[PriorBatch]:
    if validation is None:
        return []
    dataset = ComplexDataset(validation)
    plan = BatchPlan(*dataset.sizes(), batch_size=4, seed=VALIDATION_SEED)
    count = min(VALIDATION_BATCHES, plan.batches_per_epoch)
    return [
        make_prior_batch([dataset[i] for i in plan.batch(k)], latents=latents, seed=VALIDATION_SEED, step=k).to(device)
        for k in range(count)
    ]


@torch.no_grad()
def _validation_values(stage: PriorStage, batches: list[PriorBatch]) -> dict[str, float]:
    """Means over the validation batches, each row with the same weight."""
    stage.eval()
    rows = torch.tensor([float(batch.graphs.size) for batch in batches])
    values = torch.stack([torch.stack(list(stage(batch))).double().cpu() for batch in batches])
    mean = (values * rows[:, None]).sum(0) / rows.sum()
    stage.train()
    names = ("loss", "label_entropy", "uniform", "accuracy", "distance")
    return {f"val_{name}": float(value) for name, value in zip(names, mean, strict=True)}
