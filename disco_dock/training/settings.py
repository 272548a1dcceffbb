"""Settings of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field

from disco_dock.latents.schedule import TemperatureSchedule
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.loop import LoopConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """One stage of training; the stages share the data settings.

    Attributes:
        preset: sizes of the networks, see `training.presets`.
        seed: of weights, data order and noise.
        batch_size: complexes per step.
        copies: noise draws per complex and step; the receptor-only layers run once for all of them.
        max_cost: largest padded atoms x residues x complexes of a batch, 0 for no limit.
        max_residues: larger complexes are left out of training, 0 for none.
        null_rate: share of rows whose latents are dropped.
        ema_decay: of the exported weights.
        weight_decay: of AdamW.
        temperature: of the Gumbel-softmax.
        poses: confidence stage: poses sampled per complex.
        pose_complexes: confidence stage: complexes that poses are sampled for.
        sample_steps: confidence stage: reverse steps.
        loop: length and rates.
    """

    preset: str = "compact"
    seed: int = 0
    batch_size: int = 8
    copies: int = 4
    max_cost: int = 120_000
    max_residues: int = 0
    null_rate: float = 0.1
    ema_decay: float = 0.999
    weight_decay: float = 1e-4
    temperature: TemperatureSchedule = field(default_factory=TemperatureSchedule)
    poses: int = 4
    pose_complexes: int = 600
    sample_steps: int = 16
    loop: LoopConfig = field(default_factory=LoopConfig)

    def __post_init__(self) -> None:
        """Check ranges."""
        for name in ("batch_size", "copies", "poses", "pose_complexes", "sample_steps"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.null_rate < 1:
            raise ConfigError(f"null_rate must be in [0, 1), got {self.null_rate}")
