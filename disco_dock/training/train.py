"""One stage of a run, or all three in order; what `disco-dock train` calls."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from disco_dock.runtime.config import write_yaml
from disco_dock.runtime.distributed import processes, wait_for_all
from disco_dock.runtime.errors import ConfigError
from disco_dock.training.confidence.run import train_confidence
from disco_dock.training.expert.run import train_expert
from disco_dock.training.networks import networks
from disco_dock.training.prior.run import train_prior
from disco_dock.training.score.run import train_score
from disco_dock.training.settings import STAGES, TrainConfig, plain, resolve
from disco_dock.training.stage import RunOptions
from disco_dock.weights.config import CheckpointConfig

logger = logging.getLogger(__name__)
FUNCTIONS: dict[str, Callable[..., CheckpointConfig]] = {
    "score": train_score,
    "prior": train_prior,
    "confidence": train_confidence,
    "expert": train_expert,
}
SHARES = {"score": 0.8, "prior": 0.1, "confidence": 0.1}
"""Of a time limit for all stages together."""
HARMLESS = ("loop", "validation", "workers")
"""Settings that may change when a run continues: its length and rates, and how it is watched and fed."""


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """What a user asks for.

    Attributes:
        stage: one of `EVERY_STAGE`, or ``all`` for `STAGES`.
        run: folder of the run; None only where nothing is trained.
        file: configuration file, or None.
        overrides: ``section.field=value`` assignments.
        minutes: training time in all over every resume, of all stages that are asked for; or None.
    """

    stage: str
    run: Path | None
    file: Path | None = None
    overrides: tuple[str, ...] = ()
    minutes: float | None = None

    def settings(self) -> Iterator[tuple[str, TrainConfig]]:
        """The stages to run, each with its settings; a stage that the latents have no use for is left out of ``all``.

        Raises:
            ConfigError: a setting is wrong.
        """
        stages = STAGES if self.stage == "all" else (self.stage,)
        shared: Sequence[str] = self.overrides
        for stage in stages:
            overrides = list(shared)
            if self.minutes is not None:
                share = SHARES[stage] if self.stage == "all" else 1.0
                overrides.append(f"loop.max_seconds={60 * self.minutes * share}")
            config = resolve(stage, run=self.run, file=self.file, overrides=overrides)
            if stage == "prior" and self.stage == "all" and networks(config).prior is None:
                continue
            yield stage, config


def train(
    request: TrainRequest, shards: Path, validation: Path | None, device: torch.device, options: RunOptions
) -> Iterator[str]:
    """Train the stages one after another; yields the name of each that is finished.

    Args:
        request: stages and settings.
        shards: training shards.
        validation: shards of held-out complexes, or None.
        device: to train on.
        options: how this call watches and limits the run; the limit counts for all stages together.

    Raises:
        DiscoError: with one sentence on what is wrong.
        KeyboardInterrupt: stopped by a signal, with the state written.
        PausedError: stopped by the limit of this call, with the state written.
    """
    if request.run is None:
        raise ConfigError("training needs a folder for the run; give -o")
    deadline = time.monotonic() + options.stop_after
    for stage, config in request.settings():
        if device.type == "cpu" and config.loop.precision == "fp16":
            raise ConfigError("loop.precision=fp16 is for GPUs; on a CPU use bf16 or float32")
        remember(request.run, stage, config)
        left = replace(options, stop_after=deadline - time.monotonic())
        FUNCTIONS[stage](shards, validation, request.run, config, device, left)
        wait_for_all()  # the next stage reads what the first process wrote
        yield stage


def remember(run: Path, stage: str, config: TrainConfig) -> None:
    """Write the settings of a stage into the run's folder; a change that alters the resumed run is reported."""
    if not processes().first:
        return
    path = run / f"{stage}.yaml"
    if path.exists() and (run / stage / "state.pt").exists():
        before, now = plain(resolve(stage, run=run)), plain(config)
        changed = [name for name in now if now[name] != before[name] and name not in HARMLESS]
        if changed:
            logger.warning(
                "%s: changed since this stage began: %s; the result will be neither that of the old nor of the new "
                "settings",
                run,
                ", ".join(f"{name} {_short(before[name])} -> {_short(now[name])}" for name in changed),
            )
    write_yaml(path, plain(config))


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."
