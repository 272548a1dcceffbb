"""U-Net denoiser of the DDPM++ / ADM family, with cross-attention to latent tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from disco_dock.runtime.errors import ConfigError
from disco_image.models.layers import GroupNorm, LevelEmbedding, ResidualBlock, zero_init


@dataclass(frozen=True, kw_only=True, slots=True)
class UNetConfig:
    """Sizes of the U-Net.

    Attributes:
        width: channels of the first level.
        multipliers: channels of each level over `width`; each level halves the resolution.
        blocks: residual blocks per level.
        attention: resolutions with self-attention (and so with cross-attention).
        head_width: channels per attention head; 0 for one head.
        dropout: in the residual blocks.
    """

    width: int = 128
    multipliers: tuple[int, ...] = (2, 2, 2)
    blocks: int = 4
    attention: tuple[int, ...] = (16,)
    head_width: int = 64
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Check sizes."""
        if self.width < 4 or self.blocks < 1 or not self.multipliers:
            raise ConfigError("unet needs width >= 4, blocks >= 1 and at least one multiplier")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"unet.dropout must be in [0, 1), got {self.dropout}")

    def heads(self, channels: int) -> int:
        """Attention heads of a feature map."""
        return max(1, channels // self.head_width) if self.head_width else 1


class UNet(nn.Module):
    """The network F of a preconditioned denoiser.

    Args:
        config: sizes.
        resolution: of the images, divisible by 2 for every level after the first.
        channels: of the images.
        num_classes: width of the class label, 0 for none.
        augment_width: width of the augmentation label, 0 for none.
        token_width: width of the latent tokens, 0 for a plain network.
        group_resolutions: empty for one set of tokens that all attention blocks see; else the resolution whose
            up-sampling blocks see the tokens of each group, and no other block sees any.

    Raises:
        ConfigError: the resolution does not suit the levels, or a group has no attention block.

    Source: DisCo-Diff (arXiv:2407.03300), sec. 3.1 and the group-hierarchical variant of sec. 4.1.
    """

    def __init__(
        self,
        config: UNetConfig,
        *,
        resolution: int,
        channels: int,
        num_classes: int = 0,
        augment_width: int = 0,
        token_width: int = 0,
        group_resolutions: Sequence[int] = (),
    ) -> None:
        super().__init__()
        if resolution % 2 ** (len(config.multipliers) - 1):
            raise ConfigError(f"resolution {resolution} cannot be halved {len(config.multipliers) - 1} times")
        reached = [resolution // 2**level for level in range(len(config.multipliers))]
        missing = [size for size in group_resolutions if size not in reached or size not in config.attention]
        if missing:
            raise ConfigError(f"latent groups at resolution {missing[0]}, which has no attention block")
        self.group_of = {size: group for group, size in enumerate(group_resolutions)}
        width = config.width
        emb = 4 * width
        self.embedding = LevelEmbedding(emb, width, num_classes, augment_width)
        self.inlet = nn.Conv2d(channels, width, 3, padding=1)

        def block(c_in: int, c_out: int, size: int, *, up: bool, attend: bool, resample: str = "keep") -> ResidualBlock:
            attention = attend and size in config.attention
            cross = attention and token_width and (up and size in self.group_of if self.group_of else True)
            heads = config.heads(c_out)
            self.places.append(self.group_of.get(size, 0) if cross else None)
            return ResidualBlock(
                c_in,
                c_out,
                emb,
                resample=resample,
                heads=heads if attention else 0,
                token_width=token_width if cross else 0,
                cross_heads=heads,
                dropout=config.dropout,
            )

        self.places: list[int | None] = []
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        now, kept = width, [width]
        for level, factor in enumerate(config.multipliers):
            size = reached[level]
            if level:
                self.down.append(block(now, now, size, up=False, attend=False, resample="down"))
                kept.append(now)
            for _ in range(config.blocks):
                self.down.append(block(now, width * factor, size, up=False, attend=True))
                now = width * factor
                kept.append(now)
        bottom = reached[-1]
        self.middle = nn.ModuleList(
            [
                block(now, now, bottom, up=False, attend=True),
                block(now, now, bottom, up=False, attend=False),
            ]
        )
        self.takes_skip: list[bool] = []
        for level, factor in reversed(list(enumerate(config.multipliers))):
            size = reached[level]
            if level != len(config.multipliers) - 1:
                self.up.append(block(now, now, size, up=True, attend=False, resample="up"))
                self.takes_skip.append(False)
            for _ in range(config.blocks + 1):
                self.up.append(block(now + kept.pop(), width * factor, size, up=True, attend=True))
                self.takes_skip.append(True)
                now = width * factor
        self.outlet_norm = GroupNorm(now)
        self.outlet = zero_init(nn.Conv2d(now, channels, 3, padding=1))

    def forward(
        self,
        x: Tensor,
        noise: Tensor,
        labels: Tensor | None = None,
        augment: Tensor | None = None,
        tokens: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """(batch, channels, resolution, resolution) output of unit variance.

        Args:
            x: scaled noisy images.
            noise: (batch,) c_noise.
            labels: (batch, classes) one-hot, or None.
            augment: (batch, features), or None.
            tokens: one (batch, tokens, width) per group, or None for a network without latents.
        """
        embedding = self.embedding(noise, labels, augment).to(x.dtype)
        places = iter(self.places)

        def seen() -> Tensor | None:
            place = next(places)
            return None if place is None or tokens is None else tokens[place]

        hidden = self.inlet(x)
        kept = [hidden]
        for block in self.down:
            hidden = block(hidden, embedding, seen())
            kept.append(hidden)
        for block in self.middle:
            hidden = block(hidden, embedding, seen())
        for block, takes_skip in zip(self.up, self.takes_skip, strict=True):
            hidden = block(torch.cat([hidden, kept.pop()], 1) if takes_skip else hidden, embedding, seen())
        return self.outlet(F.silu(self.outlet_norm(hidden)))
