"""U-Net denoisers of EDM, ADM and DDPM++, with cross-attention to latent tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from disco_dock.runtime.errors import ConfigError
from disco_image.models.embedding import AdmEmbedding, DdpmppEmbedding
from disco_image.models.layers import CrossAttention, GroupNorm, SelfAttention, check_halvings, zero_init
from disco_image.models.residual import ADM_STYLE, DDPMPP_STYLE, ResidualBlock


@dataclass(frozen=True, kw_only=True, slots=True)
class UNetConfig:
    """Sizes of the U-Net.

    Attributes:
        family: ``adm`` (EDM's ImageNet network) or ``ddpm++`` (EDM's CIFAR-10 network).
        width: channels that the others are multiples of.
        multipliers: channels of each level over `width`; each level halves the resolution.
        blocks: residual blocks per level.
        attention: resolutions with self-attention (and so with cross-attention). The middle of the network always has
            it; in the decoder of ``ddpm++`` only the last block of a resolution has.
        head_width: channels per attention head; 0 for one head.
        dropout: in the residual blocks.
    """

    family: Literal["adm", "ddpm++"] = "adm"
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

    Blocks bear EDM's names: `down["32x32_block0"]`, `up["8x8_in0"]`.

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

    Source: EDM (arXiv:2206.00364), table 7 and app. F; DisCo-Diff (arXiv:2407.03300), sec. 3.1 and the
    group-hierarchical variant of sec. 4.1.
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
        last = len(config.multipliers) - 1
        check_halvings(resolution, last)
        reached = [resolution // 2**level for level in range(last + 1)]
        missing = [size for size in group_resolutions if size not in reached or size not in config.attention]
        if missing:
            raise ConfigError(f"latent groups at resolution {missing[0]}, which has no attention block")
        self.config, self.token_width = config, token_width
        self.group_of = {size: group for group, size in enumerate(group_resolutions)}
        self.places: dict[str, int | None] = {}
        adm, width = config.family == "adm", config.width
        self.embedding_width = 4 * width
        embedding = AdmEmbedding if adm else DdpmppEmbedding
        self.embedding = embedding(self.embedding_width, width, num_classes, augment_width)
        self.down, self.up = nn.ModuleDict(), nn.ModuleDict()
        now = width * config.multipliers[0] if adm else width
        self.inlet = nn.Conv2d(channels, now, 3, padding=1)
        kept = [now]
        for level, (size, factor) in enumerate(zip(reached, config.multipliers, strict=True)):
            attend = size in config.attention
            if level:
                self._add("down", size, "down", now, now, resample="down")
                kept.append(now)
            for i in range(config.blocks):
                self._add("down", size, f"block{i}", now, width * factor, attend=attend)
                now = width * factor
                kept.append(now)
        self._add("up", reached[-1], "in0", now, now, attend=True, groups=False)
        self._add("up", reached[-1], "in1", now, now)
        for level in reversed(range(last + 1)):
            size, factor = reached[level], config.multipliers[level]
            if level != last:
                self._add("up", size, "up", now, now, resample="up")
            for i in range(config.blocks + 1):
                attend = size in config.attention and (adm or i == config.blocks)
                self._add("up", size, f"block{i}", now + kept.pop(), width * factor, attend=attend)
                now = width * factor
        self.outlet_norm = GroupNorm(now, ADM_STYLE.eps if adm else DDPMPP_STYLE.eps)
        self.outlet = zero_init(nn.Conv2d(now, channels, 3, padding=1))
        if not adm:
            _initialise_ddpmpp(self)

    def _add(
        self,
        side: str,
        size: int,
        role: str,
        channels_in: int,
        channels: int,
        *,
        attend: bool = False,
        groups: bool = True,
        resample: str = "keep",
    ) -> None:
        """Append a block; `places` says which group of tokens it sees, None for none."""
        name, config = f"{size}x{size}_{role}", self.config
        cross = attend and self.token_width > 0
        if self.group_of:
            cross = cross and groups and side == "up" and size in self.group_of
        self.places[f"{side}.{name}"] = self.group_of.get(size, 0) if cross else None
        blocks = self.down if side == "down" else self.up
        blocks[name] = ResidualBlock(
            channels_in,
            channels,
            self.embedding_width,
            style=ADM_STYLE if config.family == "adm" else DDPMPP_STYLE,
            resample=resample,
            heads=config.heads(channels) if attend else 0,
            token_width=self.token_width if cross else 0,
            cross_heads=config.heads(channels),
            dropout=config.dropout,
        )

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

        def seen(name: str) -> Tensor | None:
            place = self.places[name]
            return None if place is None or tokens is None else tokens[place]

        hidden = self.inlet(x)
        kept = [hidden]
        for name, block in self.down.items():
            hidden = block(hidden, embedding, seen(f"down.{name}"))
            kept.append(hidden)
        for name, block in self.up.items():
            if "_block" in name:
                hidden = torch.cat([hidden, kept.pop()], 1)
            hidden = block(hidden, embedding, seen(f"up.{name}"))
        return self.outlet(F.silu(self.outlet_norm(hidden)))


@torch.no_grad()
def _initialise_ddpmpp(network: UNet) -> None:
    """Xavier-uniform weights and zero biases; branches start small. Cross-attention keeps its own start.

    Source: EDM (arXiv:2206.00364), app. F.
    """
    small = [network.outlet]
    for block in network.modules():
        if isinstance(block, ResidualBlock):
            small.append(block.conv_out)
        if isinstance(block, SelfAttention):
            small.append(block.out)
    queries = [block.qkv for block in network.modules() if isinstance(block, SelfAttention)]
    latents = {part for block in network.modules() if isinstance(block, CrossAttention) for part in block.modules()}
    for part in network.modules():
        if part in latents or not isinstance(part, (nn.Conv2d, nn.Linear)):
            continue
        gain = 1e-5 if part in small else math.sqrt(0.2) if part in queries else 1.0
        nn.init.xavier_uniform_(part.weight, gain)
        if part.bias is not None:
            nn.init.zeros_(part.bias)
