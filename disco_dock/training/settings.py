"""Settings of a training run, and how file, checkpoint, defaults and command line combine into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from disco_dock.diffusion.schedule import NoiseConfig
from disco_dock.latents.schedule import TemperatureSchedule
from disco_dock.runtime.config import apply_overrides, from_dict, read_yaml, to_dict
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.loop import LoopConfig
from disco_dock.training.expert.settings import ExpertTraining

STAGES = ("score", "prior", "confidence")
"""Those of ``all``, in order."""

EVERY_STAGE = (*STAGES, "expert")


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeConfig:
    """Diffusion times of training are drawn from Beta(alpha, beta); the published Beta(2, 1) has the density 2t."""

    alpha: float = 2.0
    beta: float = 1.0

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.alpha <= 0 or self.beta <= 0:
            raise ConfigError(f"time.alpha and time.beta must be positive, got {self.alpha} and {self.beta}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ContinuousConfig:
    """Continuous latents, where `latents` is ``continuous``.

    Attributes:
        dims: numbers per complex.
        kl_weight: factor on the Kullback-Leibler divergence (nats per complex) from the standard normal.
    """

    dims: int = 16
    kl_weight: float = 0.01

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.dims < 1 or self.kl_weight < 0:
            raise ConfigError(
                f"continuous.dims must be at least 1 and kl_weight not negative, got {self.dims} and {self.kl_weight}"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class ValidationConfig:
    """How a run watches itself on held-out complexes.

    Attributes:
        every_epochs: epochs between validation losses, may be a fraction.
        complexes: most complexes for the losses.
        intervals: of t, each with a validation loss of its own.
        dock_every: score and prior stages: validations from one docking to the next, 0 for none.
        dock_complexes: most complexes that are docked.
        dock_poses: poses per complex.
        dock_steps: reverse steps.
        metric: that chooses the best weights and that a plateau watches; empty for the stage's own, `DEFAULT_METRICS`.
        mode: whether it should be small or large.
    """

    every_epochs: float = 1.0
    complexes: int = 64
    intervals: int = 5
    dock_every: int = 5
    dock_complexes: int = 16
    dock_poses: int = 2
    dock_steps: int = 20
    metric: str = ""
    mode: Literal["min", "max"] = "min"

    def __post_init__(self) -> None:
        """Check ranges."""
        for name in ("complexes", "intervals", "dock_complexes", "dock_poses", "dock_steps"):
            if getattr(self, name) < 1:
                raise ConfigError(f"validation.{name} must be at least 1, got {getattr(self, name)}")
        if self.every_epochs <= 0 or self.dock_every < 0:
            raise ConfigError("validation.every_epochs must be positive and validation.dock_every not negative")

    def period(self, steps_per_epoch: int) -> int:
        """Steps between validations."""
        return max(1, round(self.every_epochs * steps_per_epoch))


DEFAULT_METRICS = {"score": "val_oracle_loss", "prior": "val_loss", "confidence": "val_loss", "expert": "val_pose_loss"}


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """One stage of training; the stages share the data settings.

    Attributes:
        preset: sizes of the networks, see `training.presets`.
        init: checkpoint folder that the training starts from, or ``default`` for the bundled one; sizes, latents and
            noise are then its own. Empty for new weights.
        networks: changes to the preset's sizes, as nested mappings such as ``score: {trunk: {layers: 4}}``.
        noise: ranges of the noise, also the sampler's.
        time: of the score stage: how diffusion times are drawn.
        latents: ``discrete`` (DisCo-Diff), ``none`` (plain DiffDock) or ``continuous`` (for comparison).
        continuous: see `ContinuousConfig`.
        seed: of weights, data order and noise.
        batch_size: complexes per step, over all processes.
        split: file of the ids to train on, one per line; empty for all complexes of the shards.
        validation_split: the same of the validation shards.
        copies: noise draws per complex and step; the receptor-only layers run once for all of them.
        max_cost: largest padded atoms x residues x complexes of a batch over all processes, 0 for no limit.
        max_residues: larger complexes are left out of training, 0 for none.
        workers: processes that make batches, 0 for a thread; -1 for a thread on a CPU and 6 processes per GPU.
        null_rate: share of rows whose latents are dropped.
        field_weight: of the error of the atoms' displacements, for score models with a displacement head.
        ema_decay: of the exported weights.
        weight_decay: of AdamW.
        temperature: of the Gumbel-softmax.
        targets: prior stage: ``soft`` (the encoder's distribution) or ``hard`` (one draw from it per complex).
        frozen_epochs: prior stage: epochs during which only the new heads learn.
        poses: confidence stage: poses sampled per complex.
        pose_complexes: confidence stage: complexes that poses are sampled for.
        sample_steps: confidence stage: reverse steps.
        expert: of the expert stage, see `ExpertTraining`.
        validation: see `ValidationConfig`.
        loop: length and rates.
    """

    preset: str = "compact"
    init: str = ""
    networks: dict[str, Any] = field(default_factory=dict)
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    time: TimeConfig = field(default_factory=TimeConfig)
    latents: Literal["discrete", "none", "continuous"] = "discrete"
    continuous: ContinuousConfig = field(default_factory=ContinuousConfig)
    seed: int = 0
    batch_size: int = 8
    split: str = ""
    validation_split: str = ""
    copies: int = 4
    max_cost: int = 120_000
    max_residues: int = 0
    workers: int = -1
    null_rate: float = 0.1
    field_weight: float = 0.33
    ema_decay: float = 0.999
    weight_decay: float = 1e-4
    temperature: TemperatureSchedule = field(default_factory=TemperatureSchedule)
    targets: Literal["soft", "hard"] = "soft"
    frozen_epochs: float = 0.0
    poses: int = 4
    pose_complexes: int = 600
    sample_steps: int = 16
    expert: ExpertTraining = field(default_factory=ExpertTraining)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)

    def __post_init__(self) -> None:
        """Check ranges."""
        for name in ("batch_size", "copies", "poses", "pose_complexes", "sample_steps"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.null_rate < 1:
            raise ConfigError(f"null_rate must be in [0, 1), got {self.null_rate}")
        if self.workers < -1 or self.frozen_epochs < 0:
            raise ConfigError(
                f"workers must be at least -1 and frozen_epochs not negative, got {self.workers}, {self.frozen_epochs}"
            )

    def metric(self, stage: str) -> str:
        """Name of the value that chooses the best weights of a stage."""
        return self.validation.metric or DEFAULT_METRICS[stage]


def resolve(stage: str, *, run: Path | None, file: Path | None = None, overrides: Sequence[str] = ()) -> TrainConfig:
    """The settings of a stage: command line, before configuration file, before those saved in the run, before defaults.

    A file may hold, besides the settings, ``stages: {prior: {...}}`` with other values for single stages; an override
    ``stages.prior.loop.max_steps=300`` does the same.

    Args:
        stage: one of `EVERY_STAGE`.
        run: folder of the run; the stage's saved settings count, else the score stage's without its length and metric.
            None for no saved settings.
        file: YAML.
        overrides: ``section.field=value`` assignments.

    Raises:
        ConfigError: an unknown key, a value of the wrong type or out of range, or a file that cannot be read.
    """
    settings = {} if run is None else _saved(run, stage)
    for layer in (read_yaml(file) if file is not None else {}, apply_overrides({}, overrides)):
        shared, own = _stage_layer(layer, stage)
        settings = merged(merged(settings, shared), own)
    return from_dict(TrainConfig, settings, where="settings")


def _saved(run: Path, stage: str) -> dict[str, Any]:
    """What an earlier call wrote down."""
    if (run / f"{stage}.yaml").exists():
        return read_yaml(run / f"{stage}.yaml")
    if stage != "score" and (run / "score.yaml").exists():
        values = read_yaml(run / "score.yaml")
        validation = {k: v for k, v in values.get("validation", {}).items() if k not in ("metric", "mode")}
        loop = {k: v for k, v in values.get("loop", {}).items() if k not in ("max_steps", "max_seconds")}
        return {**values, "validation": validation, "loop": loop}
    return {}


def _stage_layer(layer: Mapping[str, Any], stage: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of all stages and those of one."""
    shared = {key: value for key, value in layer.items() if key != "stages"}
    stages = layer.get("stages") or {}
    if not isinstance(stages, Mapping) or set(stages) - set(EVERY_STAGE):
        raise ConfigError(f"settings.stages: expected sections {', '.join(EVERY_STAGE)}, found {stages!r}")
    for name, values in stages.items():  # also those of other stages, so that a mistake is reported at once
        if not isinstance(values, Mapping):
            raise ConfigError(f"settings.stages.{name}: expected a mapping, found {values!r}")
        from_dict(TrainConfig, values, where=f"settings.stages.{name}")
    return shared, dict(stages.get(stage) or {})


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings with the values of `above` where both have one."""
    out = dict(below)
    for key, value in above.items():
        known = out.get(key)
        out[key] = merged(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return out


def plain(config: TrainConfig) -> dict[str, Any]:
    """The settings as `resolve` reads them back."""
    return to_dict(config)
