"""Run stage 3: dock training complexes with the checkpoint, then train the confidence model on their poses."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.plan import BatchPlan
from disco_dock.data.prefetch import Prefetcher
from disco_dock.models.build import CheckpointConfig, Models, load_models, save_part, write_config
from disco_dock.models.confidence import ConfidenceModel
from disco_dock.runtime.ema import ExponentialMovingAverage
from disco_dock.runtime.loop import TrainingRun
from disco_dock.runtime.random import generator
from disco_dock.training.confidence_stage import (
    ConfidenceBatch,
    ConfidenceStage,
    areas_under_roc,
    docked_batch,
    labels_share,
    make_confidence_batch,
    ranking_values,
)
from disco_dock.training.earlier_stages import copy_matching, part_hashes, require_same_inputs
from disco_dock.training.presets import preset
from disco_dock.training.sampled_poses import sampled_poses
from disco_dock.training.settings import TrainConfig
from disco_dock.training.train_score import VALIDATION_SEED, make_optimiser

logger = logging.getLogger(__name__)
VALIDATION_BATCHES = 8
VALIDATION_COMPLEXES = 32


def train_confidence(
    shards: Path, validation: Path | None, out: Path, config: TrainConfig, device: torch.device
) -> CheckpointConfig:
    """Train until the loop's end and add the model to `out/checkpoint`; rerunning resumes, also the docking.

    Args:
        shards: training shards.
        validation: shards for the validation loss, or None.
        out: folder of the run, with the checkpoint of the earlier stages.
        config: settings.
        device: to train on.

    Raises:
        CheckpointError: the score stage has not been run, or an earlier stage was run again after this one began.
    """
    models = load_models(out / "checkpoint", device)
    require_same_inputs(out / "confidence", part_hashes(models, ("score", "prior")))
    sizes = preset(config.preset).confidence
    dataset = ComplexDataset(shards, max_residues=config.max_residues)
    order = torch.randperm(len(dataset), generator=generator("pose complexes", config.seed))
    numbers = sorted(order[: config.pose_complexes].tolist())
    poses = _dock(models, dataset, numbers, out / "confidence" / "poses", config)
    numbers = [number for number in numbers if number in poses]
    torch.manual_seed(config.seed)
    model = ConfidenceModel(sizes)
    copy_matching(models.score.trunk, model.trunk)
    model.to(device)
    stage = ConfidenceStage(model)
    noise = models.config.score.noise
    atoms, residues = dataset.sizes()
    plan = BatchPlan(
        atoms[numbers],
        residues[numbers],
        batch_size=config.batch_size,
        seed=config.seed,
        max_cost=config.max_cost // config.copies,
    )

    def make(step: int) -> ConfidenceBatch:
        chosen = [numbers[i] for i in plan.batch(step)]
        examples = [dataset[i] for i in chosen]
        sampled = [poses[i] for i in chosen]
        return make_confidence_batch(examples, sampled, noise, copies=config.copies, seed=config.seed, step=step)

    def loss_fn(batch: ConfidenceBatch, step: int) -> tuple[Tensor, dict[str, float]]:
        losses = stage(batch.to(device))
        shares = labels_share(losses.labels, sizes.thresholds)
        return losses.loss, {"loss": float(losses.loss.detach()), **shares}

    ema = ExponentialMovingAverage(stage, config.ema_decay)
    run = TrainingRun(stage, make_optimiser(stage, config), ema, out / "confidence", config.loop)
    checks, rankings = _validation_batches(models, validation, out / "confidence" / "validation_poses", config, device)
    checkpoint = replace(models.config, confidence=sizes, all_atom_confidence=None)

    def export() -> None:
        facts: dict[str, Any] = {
            "stage": "confidence",
            "steps": run.step,
            "seconds": run.seconds,
            "complexes": len(numbers),
            "poses_per_complex": config.poses,
        }
        with ema.swapped(stage):
            if checks:
                values = _validation_values(stage, checks) | _ranking_values(stage, rankings)
                run.log.write(run.step, values)
                facts |= values
            save_part(out / "checkpoint", "confidence", model)
        write_config(out / "checkpoint", replace(checkpoint, training={**checkpoint.training, "confidence": facts}))

    prefetch = Prefetcher(make)
    try:
        run.run(prefetch, loss_fn, export)
    finally:
        prefetch.close()
    return checkpoint


def _dock(
    models: Models, dataset: ComplexDataset, numbers: list[int], folder: Path, config: TrainConfig
) -> dict[int, Tensor]:
    def report(done: int, total: int) -> None:
        logger.info("docked part %d of %d", done, total)

    return sampled_poses(
        models,
        dataset,
        numbers,
        folder,
        poses=config.poses,
        steps=config.sample_steps,
        seed=config.seed,
        on_part=report,
    )


def _validation_batches(
    models: Models, validation: Path | None, folder: Path, config: TrainConfig, device: torch.device
) -> tuple[list[ConfidenceBatch], list[ConfidenceBatch]]:
    """Fixed batches of validation complexes: docked and noised poses mixed as in training, and all docked poses."""
    if validation is None:
        return [], []
    dataset = ComplexDataset(validation, max_residues=config.max_residues)
    numbers = list(range(min(VALIDATION_COMPLEXES, len(dataset))))
    poses = _dock(models, dataset, numbers, folder, config)
    numbers = [number for number in numbers if number in poses]
    atoms, residues = dataset.sizes()
    plan = BatchPlan(atoms[numbers], residues[numbers], batch_size=4, seed=VALIDATION_SEED)
    mixed, docked = [], []
    for step in range(min(VALIDATION_BATCHES, len(plan.steps(0)))):
        chosen = [numbers[i] for i in plan.batch(step)]
        examples, sampled = [dataset[i] for i in chosen], [poses[i] for i in chosen]
        batch = make_confidence_batch(
            examples,
            sampled,
            models.config.score.noise,
            copies=2 * config.poses,
            seed=VALIDATION_SEED,
            step=step,
        )
        mixed.append(batch.to(device))
        docked.append(docked_batch(examples, sampled).to(device))
    return mixed, docked


@torch.no_grad()
def _validation_values(stage: ConfidenceStage, batches: list[ConfidenceBatch]) -> dict[str, float]:
    """Loss, share of positives and area under the ROC curve at each threshold."""
    stage.eval()
    results = [stage(batch) for batch in batches]
    stage.train()
    logits = torch.cat([result.logits for result in results]).cpu()
    labels = torch.cat([result.labels for result in results]).cpu()
    thresholds = stage.confidence.config.thresholds
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
    values = {"val_loss": float(loss), **{f"val_{k}": v for k, v in labels_share(labels, thresholds).items()}}
    areas = areas_under_roc(logits, labels > 0.5, thresholds)
    return values | {f"val_{name}": area for name, area in areas.items()}


@torch.no_grad()
def _ranking_values(stage: ConfidenceStage, batches: list[ConfidenceBatch]) -> dict[str, float]:
    """Area under the ROC curve over docked poses alone, and success of the pose with the highest first logit."""
    stage.eval()
    results = [stage(batch) for batch in batches]
    stage.train()
    copies, thresholds = batches[0].copies, stage.confidence.config.thresholds
    logits = torch.cat([result.logits for result in results]).cpu()
    rmsd = torch.cat([batch.rmsd for batch in batches]).cpu()
    values = ranking_values(logits[:, 0].view(-1, copies), rmsd.view(-1, copies), thresholds)
    values |= areas_under_roc(logits, rmsd[:, None] < torch.tensor(thresholds), thresholds)
    return {f"val_docked_{name}": value for name, value in values.items()}
