"""The model of stage 1: preconditioned denoiser with its latent tokens, and the encoder beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from disco_dock.runtime.errors import ConfigError
from disco_image.models.edm2 import Edm2Config, Edm2UNet
from disco_image.models.latents import LatentConfig, LatentEncoder, LatentTokens
from disco_image.models.unet import UNet, UNetConfig
from disco_image.models.uvit import UViT, UViTConfig
from disco_image.processes.noise import ProcessConfig
from disco_image.processes.precondition import coefficients, spread


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """Everything that decides the shape of the networks.

    Attributes:
        resolution: of the images.
        channels: of the images.
        num_classes: classes that the denoiser is told, 0 for an unconditional model.
        augment_width: width of the augmentation label, 0 for none.
        process: the noise.
        latents: what is inferred from the images.
        unet: sizes of the U-Net, or None.
        uvit: sizes of the U-ViT, or None.
        edm2: sizes of EDM2's U-Net, or None; exactly one of the three is given.
    """

    resolution: int
    channels: int = 3
    num_classes: int = 0
    augment_width: int = 0
    process: ProcessConfig = field(default_factory=ProcessConfig)
    latents: LatentConfig = field(default_factory=LatentConfig)
    unet: UNetConfig | None = None
    uvit: UViTConfig | None = None
    edm2: Edm2Config | None = None

    def __post_init__(self) -> None:
        """Check that there is one network."""
        if sum(sizes is not None for sizes in (self.unet, self.uvit, self.edm2)) != 1:
            raise ConfigError("model needs exactly one of unet, uvit and edm2; set the others to null")
        if self.unet is None and self.latents.group_resolutions:
            raise ConfigError("latents.group_resolutions needs a unet: groups feed its up-sampling blocks")
        if self.resolution < 1 or self.channels < 1 or self.num_classes < 0:
            raise ConfigError("model needs resolution >= 1, channels >= 1 and num_classes >= 0")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, resolution, resolution)."""
        return self.channels, self.resolution, self.resolution


class Denoiser(nn.Module):
    """D(x, sigma, z): the expected clean image.

    Source: Karras et al. 2022 (arXiv:2206.00364), eq. 7; DisCo-Diff (arXiv:2407.03300), sec. 3.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        with_latents = config.latents.kind != "none"
        shared = {
            "resolution": config.resolution,
            "channels": config.channels,
            "num_classes": config.num_classes,
            "augment_width": config.augment_width,
            "token_width": config.latents.token_width if with_latents else 0,
        }
        self.tokens = LatentTokens(config.latents) if with_latents else None
        if config.unet is not None:
            self.network: nn.Module = UNet(config.unet, group_resolutions=config.latents.group_resolutions, **shared)
        elif config.edm2 is not None:
            self.network = Edm2UNet(config.edm2, **shared)
        else:
            assert config.uvit is not None
            self.network = UViT(config.uvit, **shared)

    def embed(self, latent: Tensor | None, keep: Tensor | None = None) -> list[Tensor] | None:
        """Tokens of a latent, computed once per trajectory; None for a model without latents.

        Args:
            latent: (batch, latents, vocab) one-hot or (batch, dimension).
            keep: (batch,) 0.0 where the null embedding replaces the latent; None keeps all.
        """
        if self.tokens is None or latent is None:
            return None
        return self.tokens(latent, latent.new_ones(len(latent)) if keep is None else keep)

    def forward(
        self,
        x: Tensor,
        sigma: Tensor,
        tokens: Sequence[Tensor] | None = None,
        labels: Tensor | None = None,
        augment: Tensor | None = None,
    ) -> Tensor:
        """Denoised images (batch, channels, resolution, resolution) in float32.

        Args:
            x: noisy images.
            sigma: (batch,) noise levels.
            tokens: from `embed`.
            labels: (batch, classes) one-hot, or None.
            augment: (batch, features), or None.
        """
        c = coefficients(sigma.float(), self.config.process.sigma_data)
        scaled = (spread(c.c_in, x) * x).contiguous(memory_format=_layout(x))
        output = self.network(scaled, c.noise, labels, augment, tokens)
        return spread(c.skip, x) * x + spread(c.out, x) * output.float()


def _layout(x: Tensor) -> torch.memory_format:
    last = x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


class DenoiserWithEncoder(nn.Module):
    """The two networks that stage 1 trains together.

    Args:
        config: of both.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.denoiser = Denoiser(config)
        self.encoder: LatentEncoder | None = None
        if config.latents.kind != "none":
            self.encoder = LatentEncoder(
                config.latents,
                resolution=config.resolution,
                channels=config.channels,
                num_classes=config.num_classes,
            )
