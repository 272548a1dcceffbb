"""Run stage 1: train encoder and score model, export their averaged weights as a checkpoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.plan import BatchPlan
from disco_dock.data.prefetch import Prefetcher
from disco_dock.diffusion.sampler_config import EXACT
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.models.build import CheckpointConfig, save_part, write_config
from disco_dock.models.encoder import LatentEncoder
from disco_dock.models.score import ScoreModel
from disco_dock.runtime.ema import ExponentialMovingAverage
from disco_dock.runtime.loop import TrainingRun
from disco_dock.training.presets import preset
from disco_dock.training.score_stage import ScoreBatch, ScoreStage, make_score_batch
from disco_dock.training.settings import TrainConfig

VALIDATION_BATCHES = 16
VALIDATION_SEED = 12345


def make_optimiser(module: torch.nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW at the configured rate."""
    return torch.optim.AdamW(
        [p for p in module.parameters() if p.requires_grad],
        lr=config.loop.learning_rate,
        weight_decay=config.weight_decay,
        betas=(0.9, 0.98),
    )


def make_plan(dataset: ComplexDataset, config: TrainConfig, copies: int) -> BatchPlan:
    """The run's batches; `copies` counts against the cost limit."""
    atoms, residues = dataset.sizes()
    limit = config.max_cost // copies if config.max_cost else 0
    return BatchPlan(atoms, residues, batch_size=config.batch_size, seed=config.seed, max_cost=limit)


@torch.no_grad()
def validation_losses(stage: ScoreStage, batches: list[ScoreBatch]) -> dict[str, float]:
    """Mean losses with oracle latents and with null latents, over fixed noise."""
    stage.eval()
    out: dict[str, float] = {}
    for case in ("oracle", "null"):
        if case == "null" and stage.encoder is None:
            continue
        sums = torch.zeros(4, dtype=torch.float64)
        for batch in batches:
            keep = torch.ones_like(batch.keep) if case == "oracle" else torch.zeros_like(batch.keep)
            losses = stage(batch._replace(keep=keep), 1.0)
            bonds = losses.bonds.sum().clamp_min(1)
            parts = [losses.total(), losses.tr.mean(), losses.rot.mean(), losses.tor.sum() / bonds]
            sums += torch.stack([part.double().cpu() for part in parts])
        names = ("loss", "tr", "rot", "tor")
        out |= {f"val_{case}_{name}": float(value) for name, value in zip(names, sums / len(batches), strict=True)}
    stage.train()
    return out


def train_score(
    shards: Path, validation: Path | None, out: Path, config: TrainConfig, device: torch.device
) -> CheckpointConfig:
    """Train until the loop's end; rerunning resumes, and the checkpoint in `out/checkpoint` is always complete.

    Args:
        shards: training shards.
        validation: shards for the validation loss, or None.
        out: folder of the run.
        config: settings.
        device: to train on.
    """
    sizes = preset(config.preset)
    torch.manual_seed(config.seed)
    table = igso3_table()
    score = ScoreModel(sizes.score)
    encoder = LatentEncoder(sizes.encoder) if sizes.encoder is not None else None
    stage = ScoreStage(score, encoder, table).to(device)
    dataset = ComplexDataset(shards, max_residues=config.max_residues)
    plan = make_plan(dataset, config, config.copies)

    def make(step: int) -> ScoreBatch:
        examples = [dataset[i] for i in plan.batch(step)]
        return make_score_batch(
            examples, score, copies=config.copies, null_rate=config.null_rate, seed=config.seed, step=step
        )

    def loss_fn(batch: ScoreBatch, step: int) -> tuple[Tensor, dict[str, float]]:
        losses = stage(batch.to(device), config.temperature.at(step))
        total = losses.total()
        bonds = losses.bonds.sum().clamp_min(1)
        values = torch.stack([total, losses.tr.mean(), losses.rot.mean(), losses.tor.sum() / bonds]).tolist()
        return total, {**dict(zip(("loss", "tr", "rot", "tor"), values, strict=True)), "rows": float(len(batch.t))}

    ema = ExponentialMovingAverage(stage, config.ema_decay)
    run = TrainingRun(stage, make_optimiser(stage, config), ema, out / "score", config.loop)
    checks = _validation_batches(validation, score, config, device)
    checkpoint = CheckpointConfig(name=config.preset, score=sizes.score, encoder=sizes.encoder, sampler=EXACT)

    def export() -> None:
        facts: dict[str, Any] = {"stage": "score", "steps": run.step, "seconds": run.seconds, "complexes": len(dataset)}
        with ema.swapped(stage):
            if checks:
                values = validation_losses(stage, checks)
                run.log.write(run.step, values)
                facts |= values
            save_part(out / "checkpoint", "score", score)
            if encoder is not None:
                save_part(out / "checkpoint", "encoder", encoder)
        write_config(out / "checkpoint", _with_training(checkpoint, facts))

    prefetch = Prefetcher(make)
    try:
        run.run(prefetch, loss_fn, export)
    finally:
        prefetch.close()
    return checkpoint


def _with_training(config: CheckpointConfig, facts: dict[str, Any]) -> CheckpointConfig:
    return replace(config, training={**config.training, "score": facts})


def _validation_batches(
    validation: Path | None, score: ScoreModel, config: TrainConfig, device: torch.device
) -> list[ScoreBatch]:
    if validation is None:
        return []
    dataset = ComplexDataset(validation)
    atoms, residues = dataset.sizes()
    plan = BatchPlan(atoms, residues, batch_size=4, seed=VALIDATION_SEED)
    count = min(VALIDATION_BATCHES, len(plan.steps(0)))
    return [
        make_score_batch(
            [dataset[i] for i in plan.batch(k)], score, copies=1, null_rate=0.0, seed=VALIDATION_SEED, step=k
        ).to(device)
        for k in range(count)
    ]
