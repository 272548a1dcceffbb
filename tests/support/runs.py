"""Short training runs with the smallest networks."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch

from disco_dock.runtime.loop import LoopConfig, TrainingRun
from disco_dock.training.prior.run import train_prior
from disco_dock.training.score.run import train_score
from disco_dock.training.settings import TrainConfig, ValidationConfig
from tests.support.shards import made_up_shards

CPU = torch.device("cpu")
_FOLDER = TemporaryDirectory(prefix="disco-runs-")


def tiny_config(steps: int, *, learning_rate: float = 1e-3, **changes) -> TrainConfig:
    """Settings of a run of so many steps that logs every one."""
    loop = LoopConfig(max_steps=steps, log_every=1, learning_rate=learning_rate, warmup_steps=1)
    watch = ValidationConfig(complexes=3, intervals=2, dock_complexes=1, dock_poses=1, dock_steps=2, every_epochs=100.0)
    values = {"preset": "tiny", "batch_size": 2, "copies": 2, "poses": 2, "pose_complexes": 3, "sample_steps": 2}
    values["validation"] = watch
    return TrainConfig(**{**values, **changes}, loop=loop)


@lru_cache(maxsize=1)
def score_run() -> Path:
    """Folder of a score stage of two steps; copy it before adding stages."""
    out = Path(_FOLDER.name) / "score"
    train_score(made_up_shards(), None, out, tiny_config(2), CPU)
    return out


@lru_cache(maxsize=1)
def prior_run() -> Path:
    """Folder of score and prior stages of two steps each; copy it before adding stages."""
    out = Path(_FOLDER.name) / "prior"
    shutil.copytree(score_run(), out)
    train_prior(made_up_shards(), None, out, tiny_config(2), CPU)
    return out


@contextmanager
def terminated_at(step: int) -> Iterator[None]:
    """A training inside the block gets SIGTERM during that step and must say so."""
    original: Callable = TrainingRun._update

    def update(self, *args):
        if self.step == step:
            signal.raise_signal(signal.SIGTERM)
        original(self, *args)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(TrainingRun, "_update", update)
        yield


def metrics(folder: Path) -> list[dict]:
    """Rows of the stage's metrics file."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
