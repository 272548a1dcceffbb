"""EDM2's U-Net, whose layers keep the magnitude of what flows through them, with cross-attention to latent tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from disco_dock.runtime.errors import ConfigError
from disco_image.models.layers import check_halvings
from disco_image.models.magnitude import Fourier, Product, attention, blended, joined, magnitude_silu, normalised

BRANCH_SHARE = 0.3
"""Of a branch in its sum with the skip."""
LABEL_SHARE = CONCAT_SHARE = 0.5
LIMIT = 256.0
"""Largest activation at the end of a block."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Edm2Config:
    """Sizes of EDM2's U-Net; width 192 is its model S, 256 M, 320 L and 384 XL.

    Attributes:
        width: channels that the others are multiples of.
        multipliers: channels of each level over `width`; each level halves the resolution.
        blocks: residual blocks per level.
        attention: resolutions with self-attention (and so with cross-attention); the middle always has it.
        head_width: channels per attention head.
        dropout: in the residual blocks.
    """

    width: int = 192
    multipliers: tuple[int, ...] = (1, 2, 3, 4)
    blocks: int = 3
    attention: tuple[int, ...] = (16, 8)
    head_width: int = 64
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Check sizes."""
        if self.width < 4 or self.blocks < 1 or not self.multipliers or self.head_width < 1:
            raise ConfigError("edm2 needs width >= 4, blocks >= 1, head_width >= 1 and at least one multiplier")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"edm2.dropout must be in [0, 1), got {self.dropout}")

    def heads(self, channels: int) -> int:
        """Attention heads of a feature map."""
        return max(1, channels // self.head_width)


class MagnitudeCrossAttention(nn.Module):
    """Attention of the pixels to latent tokens, added by (x + g y) / sqrt(1 + g^2) with a gain g that starts at 0.

    Ours: EDM2 has no cross-attention. Like the self-attention beside it, it keeps magnitudes.
    """

    def __init__(self, channels: int, heads: int, token_width: int) -> None:
        super().__init__()
        self.heads, self.gain = heads, nn.Parameter(torch.zeros([]))
        self.query, self.key_value = Product(channels, channels, 1), Product(token_width, 2 * channels)
        self.out = Product(channels, channels, 1)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """Feature map (batch, channels, height, width) after attention to tokens (batch, tokens, token_width)."""
        query = self.query(x).flatten(2).transpose(1, 2)
        key, value = self.key_value(normalised(tokens, (2,)).to(x.dtype)).chunk(2, -1)
        mixed = attention(query, key, value, self.heads).transpose(1, 2).unflatten(2, x.shape[2:])
        return (x + self.gain * self.out(mixed)) / (1 + self.gain.square()).sqrt()


class Edm2Block(nn.Module):
    """Residual block.

    Args:
        channels_in: of the input.
        channels: of the output.
        embedding: width of the embedding.
        encoder: whether it is of the encoder, which normalises its pixels; a decoder's has its skip's convolution last.
        resample: ``up``, ``down`` or ``keep``.
        heads: of the self-attention, 0 for none.
        token_width: of the latent tokens of the cross-attention that follows, 0 for none.
        dropout: before the second convolution.

    Source: Karras et al. 2024 (arXiv:2312.02696), app. B, configuration G.
    """

    def __init__(
        self,
        channels_in: int,
        channels: int,
        embedding: int,
        *,
        encoder: bool,
        resample: str = "keep",
        heads: int = 0,
        token_width: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.channels, self.encoder, self.resample = channels, encoder, resample
        self.heads, self.dropout = heads, dropout
        self.told, self.told_gain = Product(embedding, channels), nn.Parameter(torch.zeros([]))
        self.conv_in = Product(channels if encoder else channels_in, channels, 3)
        self.conv_out = Product(channels, channels, 3)
        self.skip = Product(channels_in, channels, 1) if channels_in != channels else nn.Identity()
        self.qkv = Product(channels, 3 * channels, 1) if heads else None
        self.out = Product(channels, channels, 1) if heads else None
        self.cross = MagnitudeCrossAttention(channels, heads, token_width) if heads and token_width else None

    def forward(self, x: Tensor, embedding: Tensor, tokens: Tensor | None) -> Tensor:
        """Feature map (batch, channels, height, width) from one of (batch, channels_in, ...).

        Args:
            x: feature map.
            embedding: (batch, embedding).
            tokens: (batch, tokens, token_width), or None to leave the cross-attention out.
        """
        if self.resample == "up":
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        elif self.resample == "down":
            x = F.avg_pool2d(x, 2)
        if self.encoder:
            x = normalised(self.skip(x), (1,))
        hidden = self.conv_in(magnitude_silu(x))
        hidden = magnitude_silu(hidden * (1 + self.told(embedding, self.told_gain)[:, :, None, None]).to(hidden.dtype))
        hidden = self.conv_out(F.dropout(hidden, self.dropout, self.training))
        x = blended(x if self.encoder else self.skip(x), hidden, BRANCH_SHARE)
        if self.qkv is not None and self.out is not None:
            query, key, value = self.qkv(x).flatten(2).transpose(1, 2).chunk(3, -1)
            mixed = attention(query, key, value, self.heads).transpose(1, 2).unflatten(2, x.shape[2:])
            x = blended(x, self.out(mixed), BRANCH_SHARE)
        if self.cross is not None and tokens is not None:
            x = self.cross(x, tokens)
        return x.clamp(-LIMIT, LIMIT)


class Edm2UNet(nn.Module):
    """The network F of a preconditioned denoiser; arguments and `forward` as `UNet`, without groups or augmentation.

    Blocks bear EDM2's names: `enc["32x32_block0"]`, `dec["8x8_in0"]`. In training each layer keeps its stored weights
    normalised. EDM2's learnt uncertainty of the loss is not part of it.

    Raises:
        ConfigError: the resolution does not suit the levels, or an augmentation label is asked for.

    Source: Karras et al. 2024 (arXiv:2312.02696), app. B, configuration G.
    """

    def __init__(
        self,
        config: Edm2Config,
        *,
        resolution: int,
        channels: int,
        num_classes: int = 0,
        augment_width: int = 0,
        token_width: int = 0,
    ) -> None:
        super().__init__()
        last = len(config.multipliers) - 1
        check_halvings(resolution, last)
        if augment_width:
            raise ConfigError("an edm2 network takes no augmentation label; set data.augment to 0")
        self.config, self.num_classes, self.token_width = config, num_classes, token_width
        widths = [config.width * factor for factor in config.multipliers]
        self.embedding_width = max(widths)
        self.fourier, self.noise = Fourier(widths[0]), Product(widths[0], self.embedding_width)
        self.label = Product(num_classes, self.embedding_width) if num_classes else None
        now = widths[0]
        self.inlet = Product(channels + 1, now, 3)
        self.enc, self.dec, kept = nn.ModuleDict(), nn.ModuleDict(), [now]
        for level, width in enumerate(widths):
            size = resolution >> level
            if level:
                self.enc[f"{size}x{size}_down"] = self._block(now, now, encoder=True, resample="down")
                kept.append(now)
            for i in range(config.blocks):
                attends = size in config.attention
                self.enc[f"{size}x{size}_block{i}"] = self._block(now, width, encoder=True, attends=attends)
                now = width
                kept.append(now)
        for level in reversed(range(last + 1)):
            size, width = resolution >> level, widths[level]
            if level == last:
                self.dec[f"{size}x{size}_in0"] = self._block(now, now, attends=True)
                self.dec[f"{size}x{size}_in1"] = self._block(now, now)
            else:
                self.dec[f"{size}x{size}_up"] = self._block(now, now, resample="up")
            for i in range(config.blocks + 1):
                attends = size in config.attention
                self.dec[f"{size}x{size}_block{i}"] = self._block(now + kept.pop(), width, attends=attends)
                now = width
        self.outlet, self.out_gain = Product(now, channels, 3), nn.Parameter(torch.zeros([]))

    def _block(
        self, channels_in: int, channels: int, *, encoder: bool = False, resample: str = "keep", attends: bool = False
    ) -> Edm2Block:
        return Edm2Block(
            channels_in,
            channels,
            self.embedding_width,
            encoder=encoder,
            resample=resample,
            heads=self.config.heads(channels) if attends else 0,
            token_width=self.token_width,
            dropout=self.config.dropout,
        )

    def forward(
        self,
        x: Tensor,
        noise: Tensor,
        labels: Tensor | None = None,
        augment: Tensor | None = None,
        tokens: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """(batch, channels, resolution, resolution) output; see `UNet.forward`."""
        embedding = self.noise(self.fourier(noise))
        if self.label is not None:
            given = noise.new_zeros(len(noise), self.num_classes) if labels is None else labels
            embedding = blended(embedding, self.label(given * math.sqrt(self.num_classes)), LABEL_SHARE)
        embedding = magnitude_silu(embedding)
        seen = None if tokens is None else tokens[0]
        hidden = self.inlet(torch.cat([x, torch.ones_like(x[:, :1])], 1))
        kept = [hidden]
        for block in self.enc.values():
            hidden = block(hidden, embedding, seen)
            kept.append(hidden)
        for name, block in self.dec.items():
            if "_block" in name:
                hidden = joined(hidden, kept.pop(), CONCAT_SHARE)
            hidden = block(hidden, embedding, seen)
        return self.outlet(hidden, self.out_gain)
