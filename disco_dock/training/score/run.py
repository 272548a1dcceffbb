"""Run stage 1: train encoder and score model, export their averaged weights as a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.plan import BatchPlan
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.models.score import ScoreModel, ScoreModelConfig
from disco_dock.runtime.distributed import Processes, processes
from disco_dock.training.feeding import make_plan, own_share, training_set, validation_set
from disco_dock.training.networks import networks, parts_to_keep, start_config, start_from
from disco_dock.training.score.step import ScoreBatch, ScoreStage, make_score_batch
from disco_dock.training.score.validation_losses import validation_batches, validation_losses
from disco_dock.training.settings import TrainConfig
from disco_dock.training.stage import RunOptions, Stage, run_stage
from disco_dock.training.validation_docking import validation_docking
from disco_dock.weights.config import CheckpointConfig
from disco_dock.weights.networks import Encoder, Models, make_encoder


@dataclass(frozen=True, kw_only=True)
class ScoreBatches:
    """The batch of a step; pickles, so that worker processes can make it."""

    dataset: ComplexDataset
    plan: BatchPlan
    model: ScoreModelConfig
    config: TrainConfig
    rank: int
    size: int

    def __call__(self, step: int) -> ScoreBatch:
        """This process's share of the batch."""
        config = self.config
        numbers, counts = own_share(self.plan.batch(step), Processes(self.rank, self.size))
        batch = make_score_batch(
            [self.dataset[i] for i in numbers],
            self.model,
            copies=config.copies,
            null_rate=config.null_rate,
            seed=config.seed,
            step=step,
            time=config.time,
        )
        return batch if counts else batch._replace(weight=torch.zeros_like(batch.weight))


def train_score(
    shards: Path,
    validation: Path | None,
    out: Path,
    config: TrainConfig,
    device: torch.device,
    options: RunOptions | None = None,
) -> CheckpointConfig:
    """Train until the loop's end; rerunning resumes, and the checkpoint in `out/checkpoint` is always complete.

    Args:
        shards: training shards.
        validation: shards for the validation, or None.
        out: folder of the run.
        config: settings.
        device: to train on.
        options: how this call watches and limits the run.
    """
    sizes = networks(config)
    torch.manual_seed(config.seed)
    table = igso3_table()
    score = ScoreModel(sizes.score)
    encoder = None if sizes.encoder is None else make_encoder(sizes.encoder)
    start_from(config, "score", score)
    if encoder is not None:
        start_from(config, "encoder", encoder)
    stage = ScoreStage(
        score, encoder, table, kl_weight=config.continuous.kl_weight, field_weight=config.field_weight
    ).to(device)
    dataset = training_set(shards, config)
    plan = make_plan(dataset, config, config.copies)
    group = processes()
    checkpoint = start_config(config, sizes)
    models = Models(
        score=score,
        encoder=encoder,
        prior=None,
        confidence=None,
        config=checkpoint,
        directory=out / "checkpoint",
        sha256="",
        device=device,
    )

    def loss_fn(batch: ScoreBatch, step: int) -> tuple[Tensor, dict[str, float]]:
        means = stage(batch.to(device), config.temperature.at(step)).means()
        return means.loss, {**means.values(), "rows": float(batch.weight.sum()) * group.size}

    parts = {"score": score, "encoder": encoder, **parts_to_keep(config)}
    return run_stage(
        Stage(
            name="score",
            module=stage,
            parts={name: part for name, part in parts.items() if part is not None},
            checkpoint=lambda: checkpoint,
            make=ScoreBatches(
                dataset=dataset, plan=plan, model=sizes.score, config=config, rank=group.rank, size=group.size
            ),
            loss_fn=loss_fn,
            measure=None if validation is None else _Measure(stage, models, validation, config, device, plan),
            steps_per_epoch=len(plan.steps(0)),
            facts={"complexes": len(dataset), "latents": _kind(encoder)},
        ),
        out,
        config,
        options or RunOptions(),
    )


def _kind(encoder: Encoder | None) -> str:
    if encoder is None:
        return "none"
    return "continuous" if encoder.config.gaussian else "discrete"


class _Measure:
    """Validation losses; every `dock_every`-th validation also docks, and so does an extra one, the last."""

    def __init__(
        self,
        stage: ScoreStage,
        models: Models,
        validation: Path,
        config: TrainConfig,
        device: torch.device,
        plan: BatchPlan,
    ) -> None:
        self._stage, self._models, self._config = stage, models, config.validation
        self._dataset = validation_set(validation, config)
        self._batches = validation_batches(self._dataset, stage.score.config, self._config, device)
        self._period = self._config.period(len(plan.steps(0)))

    def __call__(self, step: int) -> dict[str, float]:
        values = validation_losses(self._stage, self._batches, self._config)
        if docking_is_due(step, self._period, self._config.dock_every):
            values |= validation_docking(self._models, self._dataset, self._config)
        return values


def docking_is_due(step: int, period: int, dock_every: int) -> bool:
    """Whether a validation at this step also docks; `period` steps lie between validations."""
    return dock_every > 0 and (step % period != 0 or (step // period) % dock_every == 0)
