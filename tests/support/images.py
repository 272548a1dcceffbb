"""Tiny image models, sets of images and settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from disco_dock.runtime.loop import LoopConfig
from disco_image.data.source import SourceInfo
from disco_image.models.checkpoint import ImageModels
from disco_image.models.denoiser import Denoiser, ModelConfig
from disco_image.models.latents import LatentConfig, LatentEncoder
from disco_image.models.unet import UNetConfig
from disco_image.models.uvit import UViTConfig
from disco_image.training.settings import DataConfig, DenoiserStageConfig, PriorStageConfig, TrainConfig

LATENTS = LatentConfig(
    num_latents=3,
    vocab_size=5,
    dimension=6,
    information=0.2,
    token_width=16,
    token_layers=1,
    encoder_patch=4,
    encoder_width=16,
    encoder_layers=1,
    encoder_heads=2,
)
UNET = UNetConfig(width=8, multipliers=(1, 2), blocks=1, attention=(8, 4), head_width=8)
UVIT = UViTConfig(width=8, multipliers=(1, 2), blocks=1, attention=(8,), depth=3, head_width=8, cross_every=3)


def model_config(**changes) -> ModelConfig:
    return ModelConfig(**{"resolution": 8, "channels": 1, "latents": LATENTS, "unet": UNET, **changes})


def randomised(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """The module with all parameters random, also those that start as zero."""
    stream = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=stream))
    return module


def models(config: ModelConfig, prior=None) -> ImageModels:
    denoiser = randomised(Denoiser(config)).eval()
    encoder = None
    if config.latents.kind != "none":
        encoder = randomised(
            LatentEncoder(config.latents, resolution=8, channels=config.channels, num_classes=config.num_classes)
        ).eval()
    return ImageModels(config, denoiser, encoder, prior, {}, torch.device("cpu"))


class TwoTone:
    """Eight-pixel images: the upper or the lower half is bright, each a little different; two classes."""

    def __init__(self, count: int = 24) -> None:
        self.info = SourceInfo(name="two tone", count=count, resolution=8, channels=1, classes=("up", "down"))

    def image(self, index: int) -> np.ndarray:
        out = np.full((1, 8, 8), 10 + index, dtype=np.uint8)
        out[:, 4 * (index % 2) : 4 * (index % 2) + 4] = 220 - index
        return out

    def label(self, index: int) -> int:
        return index % 2


def train_config(**changes) -> TrainConfig:
    loop = LoopConfig(max_steps=6, log_every=1, warmup_steps=2, checkpoint_seconds=0.0, clip_norm=1.0)
    config = TrainConfig(
        data=DataConfig(classes=False),
        latents=LATENTS,
        unet=UNET,
        denoiser=DenoiserStageConfig(batch_size=8, tick_images=0, loop=loop),
        prior=PriorStageConfig(width=16, layers=2, heads=2, batch_size=16, dropout=0.0, passes=2, loop=loop),
    )
    return replace(config, **changes)
