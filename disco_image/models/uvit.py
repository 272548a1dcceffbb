"""U-ViT denoiser: convolution blocks around a transformer at the lowest resolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from disco_dock.runtime.errors import ConfigError
from disco_image.models.embedding import AdmEmbedding
from disco_image.models.layers import (
    CrossAttention,
    GroupNorm,
    TransformerBlock,
    check_halvings,
    zero_init,
)
from disco_image.models.residual import ResidualBlock


@dataclass(frozen=True, kw_only=True, slots=True)
class UViTConfig:
    """Sizes of the U-ViT.

    Attributes:
        width: channels of the first level.
        multipliers: channels of each level over `width`; the last level is the transformer's.
        blocks: convolution blocks per level and direction.
        attention: resolutions of the convolution levels that have self-attention.
        depth: transformer blocks.
        head_width: channels per attention head.
        cross_every: a cross-attention follows every so many transformer blocks.
        dropout: in the convolution blocks.
    """

    width: int = 128
    multipliers: tuple[int, ...] = (1, 2, 4, 16)
    blocks: int = 3
    attention: tuple[int, ...] = (16, 32, 64)
    depth: int = 36
    head_width: int = 64
    cross_every: int = 3
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Check sizes."""
        if self.width < 4 or self.blocks < 1 or len(self.multipliers) < 2:
            raise ConfigError("uvit needs width >= 4, blocks >= 1 and at least two multipliers")
        if self.depth < 1 or self.cross_every < 1 or self.head_width < 1:
            raise ConfigError("uvit.depth, uvit.cross_every and uvit.head_width must be at least 1")


class UViT(nn.Module):
    """The network F of a preconditioned denoiser; arguments and `forward` as `UNet`, without groups.

    Source: U-ViT of Hoogeboom et al. 2023 (arXiv:2301.11093), with the cross-attention places of DisCo-Diff
    (arXiv:2407.03300), app. D: the last convolution block of a level, and every third transformer
    block.
    """

    def __init__(
        self,
        config: UViTConfig,
        *,
        resolution: int,
        channels: int,
        num_classes: int = 0,
        augment_width: int = 0,
        token_width: int = 0,
    ) -> None:
        super().__init__()
        levels = len(config.multipliers) - 1
        check_halvings(resolution, levels)
        width, emb = config.width, 4 * config.width
        self.embedding = AdmEmbedding(emb, width, num_classes, augment_width)
        self.inlet = nn.Conv2d(channels, width, 3, padding=1)

        def block(c_in: int, c_out: int, size: int, cross: bool) -> ResidualBlock:
            heads = max(1, c_out // config.head_width)
            return ResidualBlock(
                c_in,
                c_out,
                emb,
                heads=heads if size in config.attention else 0,
                token_width=token_width if cross else 0,
                cross_heads=heads,
                dropout=config.dropout,
            )

        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.shrink, self.grow = nn.ModuleList(), nn.ModuleList()
        now, kept = width, []
        for level in range(levels):
            channels_here, size = width * config.multipliers[level], resolution // 2**level
            stack = nn.ModuleList()
            for i in range(config.blocks):
                stack.append(block(now, channels_here, size, cross=i == config.blocks - 1))
                now = channels_here
                kept.append(now)
            self.down.append(stack)
            following = width * config.multipliers[level + 1]
            self.shrink.append(nn.Conv2d(now, following, 1))
            now = following
        size = resolution // 2**levels
        heads = max(1, now // config.head_width)
        self.position = nn.Parameter(0.02 * torch.randn(1, size * size, now))
        self.transformer = nn.ModuleList(TransformerBlock(now, heads, embedding=emb) for _ in range(config.depth))
        self.cross = nn.ModuleDict(
            {
                str(i): CrossAttention(now, heads, token_width)
                for i in range(config.depth)
                if token_width and i % config.cross_every == config.cross_every - 1
            }
        )
        for level in reversed(range(levels)):
            channels_here, size = width * config.multipliers[level], resolution // 2**level
            self.grow.append(nn.Conv2d(now, channels_here, 1))
            now = channels_here
            stack = nn.ModuleList()
            for i in range(config.blocks):
                stack.append(block(now + kept.pop(), channels_here, size, cross=i == config.blocks - 1))
            self.up.append(stack)
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
        """(batch, channels, resolution, resolution) output of unit variance; arguments as in `UNet.forward`."""
        embedding = self.embedding(noise, labels, augment).to(x.dtype)
        seen = None if tokens is None else tokens[0]
        hidden, kept = self.inlet(x), []
        for stack, shrink in zip(self.down, self.shrink, strict=True):
            for block in stack:  # type: ignore[union-attr]
                hidden = block(hidden, embedding, seen)
                kept.append(hidden)
            hidden = F.avg_pool2d(shrink(hidden), 2)
        shape = hidden.shape[2:]
        pixels = hidden.flatten(2).transpose(1, 2) + self.position
        for i, block in enumerate(self.transformer):
            pixels = block(pixels, embedding)
            if str(i) in self.cross and seen is not None:
                feature_map = pixels.transpose(1, 2).unflatten(2, shape)
                pixels = self.cross[str(i)](feature_map, seen).flatten(2).transpose(1, 2)
        hidden = hidden + pixels.transpose(1, 2).unflatten(2, shape)
        for stack, grow in zip(self.up, self.grow, strict=True):
            hidden = F.interpolate(grow(hidden), scale_factor=2, mode="nearest")
            for block in stack:  # type: ignore[union-attr]
                hidden = block(torch.cat([hidden, kept.pop()], 1), embedding, seen)
        return self.outlet(F.silu(self.outlet_norm(hidden)))
