"""Settings of a run of both stages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from disco_dock.latents.schedule import TemperatureSchedule
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.loop import LoopConfig
from disco_image.data.decode import Crop
from disco_image.models.edm2 import Edm2Config
from disco_image.models.latents import LatentConfig
from disco_image.models.unet import UNetConfig
from disco_image.models.uvit import UViTConfig
from disco_image.processes.levels import LevelConfig
from disco_image.processes.noise import ProcessConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """The images.

    Attributes:
        source: ``digits`` (built in), or a path: a folder, an EDM-style zip, a CIFAR-10 tarball or an IDX file; empty
            in presets whose images the user has to give.
        resolution: images are cropped to their centre and resized to it; 0 keeps their own size.
        crop: ``edm`` (square, then Lanczos) or ``dhariwal`` (ADM's).
        classes: whether the denoiser and the prior are told the class.
        flip: whether images are mirrored at random.
        augment: probability of each augmentation of EDM's pipe, which mirrors half of the images besides; 0 for none.
        workers: threads that decode images.
    """

    source: str = "digits"
    resolution: int = 0
    crop: Crop = "edm"
    classes: bool = True
    flip: bool = False
    augment: float = 0.0
    workers: int = 2

    def __post_init__(self) -> None:
        """Check ranges."""
        if not 0 <= self.augment <= 1:
            raise ConfigError(f"data.augment is a probability, got {self.augment}")
        if self.resolution < 0 or self.workers < 1:
            raise ConfigError("data needs resolution >= 0 and workers >= 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeedConfig:
    """How the same mathematics is computed.

    Attributes:
        precision: ``float32``, or ``bfloat16`` autocast around the networks.
        channels_last: memory layout of feature maps.
        compile: whether torch.compile is used.
    """

    precision: Literal["float32", "bfloat16"] = "float32"
    channels_last: bool = False
    compile: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class DenoiserStageConfig:
    """Stage 1.

    Attributes:
        batch_size: images per step, over all processes.
        batch_gpu: images that a process computes at once; it adds up the gradients of several such parts. 0 for all.
        null_rate: share of images whose latents are dropped.
        temperature: of the Gumbel-softmax.
        encoder_share: share of `loop.max_steps` in which the encoder learns; afterwards its codes stay as they are, so
            that the straight-through gradient cannot wear them down. 1 is the paper's way.
        ema_power: relative widths (sigma_rel) of the power-function averages; the first one is exported.
        ema_half_life: images after which the past counts half, in one average that is exported in place of the others
            (EDM's); 0 for power-function averages.
        ema_ramp_up: the half-life is at most this share of the images seen.
        ema_snapshots: whether each tick keeps the averages, so that the best one can be chosen by its distance, and
            other widths be made after training.
        tick_images: images between grids; 0 for none before the end.
        weight_decay: of AdamW.
        betas: of AdamW; EDM's by default.
        initial: denoiser.safetensors of a plain model to start from (fine-tuning); empty to start from random weights.
        initial_rate: share of the learning rate that the weights from `initial` get; 0 freezes them.
        loop: length and rates.
    """

    batch_size: int = 128
    batch_gpu: int = 0
    null_rate: float = 0.1
    temperature: TemperatureSchedule = field(default_factory=TemperatureSchedule)
    encoder_share: float = 1.0
    ema_power: tuple[float, ...] = (0.1,)
    ema_half_life: int = 0
    ema_ramp_up: float = 0.05
    ema_snapshots: bool = False
    tick_images: int = 100_000
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    initial: str = ""
    initial_rate: float = 1.0
    loop: LoopConfig = field(default_factory=LoopConfig)

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.batch_size < 1 or self.batch_gpu < 0 or self.tick_images < 0:
            raise ConfigError("denoiser needs batch_size >= 1, batch_gpu >= 0 and tick_images >= 0")
        if not 0 <= self.null_rate < 1:
            raise ConfigError(f"denoiser.null_rate must be in [0, 1), got {self.null_rate}")
        if not self.ema_power or any(not 0 < width < 0.28 for width in self.ema_power):
            raise ConfigError("denoiser.ema_power needs relative widths between 0 and 0.28")
        if self.ema_half_life < 0 or self.ema_ramp_up < 0:
            raise ConfigError("denoiser.ema_half_life and denoiser.ema_ramp_up must not be negative")
        if not 0 < self.encoder_share <= 1:
            raise ConfigError(f"denoiser.encoder_share must be in (0, 1], got {self.encoder_share}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError(f"denoiser.betas must be in [0, 1), got {self.betas}")
        if not 0 <= self.initial_rate <= 1:
            raise ConfigError(f"denoiser.initial_rate must be in [0, 1], got {self.initial_rate}")


@dataclass(frozen=True, kw_only=True, slots=True)
class PriorStageConfig:
    """Stage 2.

    Attributes:
        width: of the transformer.
        layers: of the transformer.
        heads: of the transformer.
        dropout: of the transformer of discrete latents.
        batch_size: codes per step.
        passes: times that the encoder sees each image, with fresh flips and draws.
        held_out: share of the images that measure the likelihood.
        ema_decay: of the exported weights.
        weight_decay: of AdamW.
        loop: length and rates.
    """

    width: int = 512
    layers: int = 12
    heads: int = 8
    dropout: float = 0.1
    batch_size: int = 256
    passes: int = 1
    held_out: float = 0.1
    ema_decay: float = 0.999
    weight_decay: float = 0.01
    loop: LoopConfig = field(default_factory=LoopConfig)

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.batch_size < 1 or self.passes < 1:
            raise ConfigError("prior needs batch_size >= 1 and passes >= 1")
        if not 0 < self.held_out < 1:
            raise ConfigError(f"prior.held_out must be between 0 and 1, got {self.held_out}")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """A run: data, model and both stages.

    Attributes:
        seed: of weights, data order and noise.
        data: the images.
        process: the noise.
        levels: the training noise levels.
        latents: what is inferred from the images.
        unet: sizes of the U-Net, or None.
        uvit: sizes of the U-ViT, or None.
        edm2: sizes of EDM2's U-Net, or None; exactly one of the three is given.
        denoiser: stage 1.
        prior: stage 2.
        speed: precision and layout.
    """

    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    process: ProcessConfig = field(default_factory=ProcessConfig)
    levels: LevelConfig = field(default_factory=LevelConfig)
    latents: LatentConfig = field(default_factory=LatentConfig)
    unet: UNetConfig | None = None
    uvit: UViTConfig | None = None
    edm2: Edm2Config | None = None
    denoiser: DenoiserStageConfig = field(default_factory=DenoiserStageConfig)
    prior: PriorStageConfig = field(default_factory=PriorStageConfig)
    speed: SpeedConfig = field(default_factory=SpeedConfig)
