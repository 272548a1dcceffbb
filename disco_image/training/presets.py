"""Named settings: the paper's models, and small ones for a laptop."""

from __future__ import annotations

from collections.abc import Callable

from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.loop import LoopConfig
from disco_image.models.edm2 import Edm2Config
from disco_image.models.latents import LatentConfig
from disco_image.models.unet import UNetConfig
from disco_image.models.uvit import UViTConfig
from disco_image.processes.levels import LevelConfig
from disco_image.processes.noise import ProcessConfig
from disco_image.training.settings import (
    DataConfig,
    DenoiserStageConfig,
    PriorStageConfig,
    SpeedConfig,
    TrainConfig,
)

GPU = SpeedConfig(precision="bfloat16", channels_last=True)
ADM = UNetConfig(width=192, multipliers=(1, 2, 3, 4), blocks=3, attention=(32, 16, 8), head_width=64, dropout=0.1)
"""The U-Net of EDM's ImageNet-64 model (arXiv:2206.00364, table 7), 295,899,267 parameters with 1,000 classes."""
DDPMPP = UNetConfig(
    family="ddpm++", width=128, multipliers=(2, 2, 2), blocks=4, attention=(16,), head_width=0, dropout=0.13
)
"""The U-Net of EDM's CIFAR-10 model (table 7), 55,735,299 parameters with 10 classes and augmentation."""
SMALL_BETAS = (0.9, 0.99)
"""Of AdamW in the short runs of the small presets."""


def _loop(steps: int, rate: float, warmup: int, *, final_share: float = 1.0, clip: float = 0.0) -> LoopConfig:
    return LoopConfig(
        max_steps=steps,
        learning_rate=rate,
        warmup_steps=warmup,
        final_share=final_share,
        clip_norm=clip,
        log_every=50,
        checkpoint_seconds=600.0,
    )


def _imagenet64(*, classes: bool, groups: tuple[int, ...] = ()) -> TrainConfig:
    """DisCo-Diff app. D: EDM's U-Net, 10 latents of 100 codes (or three groups of 10), encoder patch 8.

    Batch, rate and length are EDM's (arXiv:2206.00364, app. F), those of the prior are not published.
    """
    return TrainConfig(
        data=DataConfig(source="", resolution=64, classes=classes, workers=16),
        latents=LatentConfig(num_latents=10 * max(1, len(groups)), group_resolutions=groups, encoder_patch=8),
        unet=ADM,
        denoiser=DenoiserStageConfig(
            batch_size=4096, batch_gpu=64, ema_power=(0.05, 0.1), ema_snapshots=True, tick_images=10_000_000,
            loop=_loop(610_000, 1e-4, 2441),
        ),
        prior=PriorStageConfig(batch_size=1024, loop=_loop(200_000, 3e-4, 2000, final_share=0.02, clip=1.0)),
        speed=GPU,
    )  # fmt: skip


def _imagenet64_edm2() -> TrainConfig:
    """EDM2's S network with the latents of `imagenet64`; the paper has no such model.

    Levels, batch, peak rate and length are EDM2's for ImageNet-64 (arXiv:2312.02696, table 6); the rate falls by a
    cosine to a quarter, where theirs falls with the root of the steps, and their learnt uncertainty is left out.
    """
    return TrainConfig(
        data=DataConfig(source="", resolution=64, classes=True, workers=16),
        levels=LevelConfig(p_mean=-0.8, p_std=1.6),
        latents=LatentConfig(encoder_patch=8),
        edm2=Edm2Config(),
        denoiser=DenoiserStageConfig(
            batch_size=2048, batch_gpu=64, betas=(0.9, 0.99), ema_power=(0.05, 0.1), ema_snapshots=True,
            tick_images=8_388_608, loop=_loop(524_288, 1e-2, 4883, final_share=0.25),
        ),
        prior=PriorStageConfig(batch_size=1024, loop=_loop(200_000, 3e-4, 2000, final_share=0.02, clip=1.0)),
        speed=GPU,
    )  # fmt: skip


def _imagenet128() -> TrainConfig:
    """DisCo-Diff app. D: U-ViT of VDM++ with shifted EDM-monotonic weighting, encoder patch 16."""
    return TrainConfig(
        data=DataConfig(source="", resolution=128, classes=True, workers=16),
        levels=LevelConfig(kind="monotonic", shift_resolution=64),
        latents=LatentConfig(encoder_patch=16),
        uvit=UViTConfig(),
        denoiser=DenoiserStageConfig(
            batch_size=2048, batch_gpu=8, ema_power=(0.05, 0.1), ema_snapshots=True, tick_images=10_000_000,
            loop=_loop(700_000, 1e-4, 10_000, clip=1.0),
        ),
        prior=PriorStageConfig(batch_size=1024, loop=_loop(200_000, 3e-4, 2000, final_share=0.02, clip=1.0)),
        speed=GPU,
    )  # fmt: skip


def _cifar10() -> TrainConfig:
    """EDM's DDPM++ on CIFAR-10 with latents; the paper has no CIFAR-10 model, so latents and encoder are ours."""
    return TrainConfig(
        data=DataConfig(source="", resolution=32, classes=True, augment=0.12, workers=8),
        latents=LatentConfig(
            encoder_patch=4, encoder_width=384, encoder_layers=8, encoder_heads=6, token_width=128, token_layers=4
        ),
        unet=DDPMPP,
        denoiser=DenoiserStageConfig(
            batch_size=512, ema_power=(0.05, 0.1), tick_images=2_000_000, loop=_loop(390_625, 1e-3, 19_531)
        ),
        prior=PriorStageConfig(
            width=384, layers=8, heads=6, batch_size=1024, passes=2,
            loop=_loop(50_000, 3e-4, 1000, final_share=0.02, clip=1.0),
        ),
        speed=GPU,
    )  # fmt: skip


def _small_latents(**changes) -> LatentConfig:
    values = {
        "num_latents": 4,
        "vocab_size": 16,
        "dimension": 64,
        "token_width": 64,
        "token_layers": 2,
        "encoder_patch": 2,
        "encoder_width": 64,
        "encoder_layers": 3,
        "encoder_heads": 4,
        **changes,
    }
    return LatentConfig(**values)


def _small_prior(steps: int, **changes) -> PriorStageConfig:
    values = {"width": 64, "layers": 3, "heads": 4, "dropout": 0.1, "batch_size": 128, "ema_decay": 0.99, **changes}
    return PriorStageConfig(**values, loop=_loop(steps, 1e-3, 50, final_share=0.02, clip=1.0))


def _digits() -> TrainConfig:
    """Ours: 8 x 8 digits on two CPU cores in a few minutes."""
    return TrainConfig(
        data=DataConfig(source="digits", classes=False),
        process=ProcessConfig(sigma_data=0.75),
        levels=LevelConfig(p_mean=-0.8),
        latents=_small_latents(),
        unet=UNetConfig(width=32, multipliers=(1, 2), blocks=1, attention=(8, 4), head_width=32),
        denoiser=DenoiserStageConfig(
            batch_size=64, betas=SMALL_BETAS, ema_power=(0.1,), tick_images=32_000,
            loop=_loop(2500, 2e-3, 100, final_share=0.02, clip=1.0)
        ),
        prior=_small_prior(600, passes=4),
    )  # fmt: skip


def _cifar10_small() -> TrainConfig:
    """Ours: CIFAR-10 at 16 x 16 for a CPU; the experiments of docs/experiments.md."""
    return TrainConfig(
        data=DataConfig(source="", resolution=16, classes=False, flip=True, workers=2),
        latents=_small_latents(num_latents=8, vocab_size=32, dimension=128, encoder_patch=4, encoder_width=96),
        unet=UNetConfig(width=32, multipliers=(1, 2, 2), blocks=1, attention=(8, 4), head_width=32),
        denoiser=DenoiserStageConfig(
            batch_size=64, betas=SMALL_BETAS, ema_power=(0.1,), tick_images=100_000,
            loop=_loop(10_000, 1e-3, 200, final_share=0.02, clip=1.0),
        ),
        prior=_small_prior(1500, width=96),
    )  # fmt: skip


EXPECTED_CLASSES = {64: 1000, 128: 1000, 32: 10, 16: 10}
"""Classes by resolution of the sets that the presets are for, to count parameters where the images are not at hand."""

PRESETS: dict[str, tuple[str, Callable[[], TrainConfig]]] = {
    "digits": ("8 x 8 digits of scikit-learn, on two CPU cores", _digits),
    "cifar10-small": ("CIFAR-10 at 16 x 16, on two CPU cores", _cifar10_small),
    "cifar10": ("CIFAR-10, EDM's DDPM++ with latents", _cifar10),
    "imagenet64": ("the paper's class-conditional ImageNet-64", lambda: _imagenet64(classes=True)),
    "imagenet64-uncond": ("the paper's unconditional ImageNet-64", lambda: _imagenet64(classes=False)),
    "imagenet64-hier": (
        "the paper's group-hierarchical ImageNet-64, three groups of ten latents",
        lambda: _imagenet64(classes=True, groups=(8, 16, 32)),
    ),
    "imagenet64-edm2": ("class-conditional ImageNet-64 with EDM2's S network", _imagenet64_edm2),
    "imagenet128": ("the paper's class-conditional ImageNet-128, a U-ViT", _imagenet128),
}
"""Name: (what it is, its settings)."""


def preset(name: str) -> TrainConfig:
    """The settings of that name.

    Raises:
        ConfigError: unknown name.
    """
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}; choose one of {', '.join(sorted(PRESETS))}")
    return PRESETS[name][1]()
