"""What the three stages share: optimiser, the run around a trained module, and the export of its averaged weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from disco_dock.runtime.distributed import total_of_each
from disco_dock.runtime.ema import ExponentialMovingAverage
from disco_dock.runtime.loop import TrainingRun, Validation
from disco_dock.training.feeding import feed, worker_count
from disco_dock.training.settings import TrainConfig
from disco_dock.weights.config import CheckpointConfig
from disco_dock.weights.networks import save_checkpoint

VALIDATION_SEED = 12345
OnStep = Callable[[TrainingRun, dict[str, float]], None]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a call watches and limits a run; none of it changes the result.

    Attributes:
        on_step: called after each step.
        on_wait: told, as a sentence with how far it is, about work that is no training step.
        stop_after: seconds after which the call stops and leaves the rest to the next one.
    """

    on_step: OnStep | None = None
    on_wait: Callable[[str], None] = field(default=lambda _: None)
    stop_after: float = math.inf


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage ready to run.

    Attributes:
        name: of the stage and its folder.
        module: what is trained.
        parts: networks that are exported, by part.
        checkpoint: gives the configuration that they are exported with.
        make: step -> batch.
        loss_fn: (batch, step) -> (loss, values to log).
        measure: step -> validation values, or None without validation data.
        steps_per_epoch: of the first epoch.
        facts: what the checkpoint says about the training.
        groups: parameter groups of the optimiser, or none for one group of all.
    """

    name: str
    module: nn.Module
    parts: Mapping[str, nn.Module]
    checkpoint: Callable[[], CheckpointConfig]
    make: Callable[[int], Any]
    loss_fn: Callable[[Any, int], tuple[Tensor, dict[str, float]]]
    measure: Callable[[int], dict[str, float]] | None
    steps_per_epoch: int
    facts: Mapping[str, Any]
    groups: Sequence[dict[str, Any]] = ()


def make_optimiser(groups: Sequence[dict[str, Any]], config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW at the configured rate."""
    return torch.optim.AdamW(
        list(groups), lr=config.loop.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.98)
    )


def run_stage(stage: Stage, out: Path, config: TrainConfig, options: RunOptions) -> CheckpointConfig:
    """Train to the end, continuing an interrupted run; returns the configuration of the exported checkpoint.

    With validation data `out/checkpoint` holds the averaged weights that were the best by the chosen metric, without
    those of the last written state.

    Raises:
        DiscoError: see `TrainingRun.run`.
    """
    module = stage.module
    groups = stage.groups or [{"params": [p for p in module.parameters() if p.requires_grad]}]
    ema = ExponentialMovingAverage(module, config.ema_decay)
    run = TrainingRun(module, make_optimiser(groups, config), ema, out / stage.name, config.loop, seed=config.seed)
    seen: dict[str, float] = {}

    def facts() -> dict[str, Any]:
        length = {"stage": stage.name, "steps": run.step, "seconds": round(run.seconds, 1)}
        return {**length, **stage.facts, **{name: value for name, value in seen.items() if "_sigma_" not in name}}

    def export() -> None:
        with ema.swapped(module):
            config = stage.checkpoint()
            trained = {**config.training, stage.name: facts()}
            save_checkpoint(out / "checkpoint", replace(config, training=trained), stage.parts)

    validation = None
    if stage.measure is not None:
        measure = stage.measure

        def averaged(step: int) -> dict[str, float]:
            module.eval()
            with ema.swapped(module), torch.no_grad():
                values = measure(step)
            seen.clear()
            seen.update(values)
            return values

        validation = Validation(
            measure=averaged,
            every=config.validation.period(stage.steps_per_epoch),
            metric=config.metric(stage.name),
            mode=config.validation.mode,
        )
    with feed(stage.make, worker_count(config, run.device)) as next_batch:
        run.run(
            next_batch,
            stage.loss_fn,
            export,
            validation=validation,
            on_step=options.on_step,
            stop_after=options.stop_after,
        )
    return stage.checkpoint()


def shared_means(sums: Mapping[str, float], counts: Mapping[str, float]) -> dict[str, float]:
    """Means over the validation rows of all processes; a value without rows is left out.

    Args:
        sums: of each value over this process's rows.
        counts: of those rows, by the same names.
    """
    joint = total_of_each({**{f"sum {k}": v for k, v in sums.items()}, **{f"of {k}": v for k, v in counts.items()}})
    return {name: joint[f"sum {name}"] / joint[f"of {name}"] for name in sums if joint[f"of {name}"]}
