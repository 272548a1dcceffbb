"""The residual block of the U-Nets, in EDM's two families."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from disco_image.models.layers import CrossAttention, GroupNorm, SelfAttention, zero_init


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockStyle:
    """How the blocks of a family differ.

    Attributes:
        scale_shift: the embedding scales and shifts the normalised features; else it is added before.
        skip_scale: factor on the sum of a branch and its skip.
        eps: of the group normalisation.
        project_skip: a block that resamples has a 1 x 1 convolution on its skip, also at equal channels.
    """

    scale_shift: bool = True
    skip_scale: float = 1.0
    eps: float = 1e-5
    project_skip: bool = False


ADM_STYLE = BlockStyle()
DDPMPP_STYLE = BlockStyle(scale_shift=False, skip_scale=math.sqrt(0.5), eps=1e-6, project_skip=True)


class ResidualBlock(nn.Module):
    """Two convolutions told the embedding, with optional resampling, self-attention and cross-attention.

    Args:
        channels_in: of the input.
        channels: of the output.
        embedding: width of the embedding.
        style: of the family.
        resample: ``up``, ``down`` or ``keep``.
        heads: of the self-attention, 0 for none.
        token_width: of the latent tokens of the cross-attention that follows, 0 for none.
        cross_heads: its heads.
        dropout: before the second convolution.

    Source: Dhariwal and Nichol 2021 (arXiv:2105.05233, app. A) and Song et al. 2021 (arXiv:2011.13456, app. H), as in
    EDM's table 7 (arXiv:2206.00364).
    """

    def __init__(
        self,
        channels_in: int,
        channels: int,
        embedding: int,
        *,
        style: BlockStyle = ADM_STYLE,
        resample: str = "keep",
        heads: int = 0,
        token_width: int = 0,
        cross_heads: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.style, self.resample, self.dropout = style, resample, dropout
        self.norm_in = GroupNorm(channels_in, style.eps)
        self.conv_in = nn.Conv2d(channels_in, channels, 3, padding=1)
        self.affine = nn.Linear(embedding, channels * (2 if style.scale_shift else 1))
        self.norm_out = GroupNorm(channels, style.eps)
        self.conv_out = zero_init(nn.Conv2d(channels, channels, 3, padding=1))
        projects = channels_in != channels or (style.project_skip and resample != "keep")
        self.skip = nn.Conv2d(channels_in, channels, 1) if projects else nn.Identity()
        self.attention = SelfAttention(channels, heads, style.eps, style.skip_scale) if heads else None
        self.cross = CrossAttention(channels, cross_heads, token_width) if token_width else None

    def _resampled(self, x: Tensor) -> Tensor:
        if self.resample == "up":
            return F.interpolate(x, scale_factor=2, mode="nearest")
        return F.avg_pool2d(x, 2) if self.resample == "down" else x

    def forward(self, x: Tensor, embedding: Tensor, tokens: Tensor | None) -> Tensor:
        """Feature map (batch, channels, height, width) from one of (batch, channels_in, ...).

        Args:
            x: feature map.
            embedding: (batch, embedding).
            tokens: (batch, tokens, token_width), or None to leave the cross-attention out.
        """
        hidden = self.conv_in(self._resampled(F.silu(self.norm_in(x))))
        told = self.affine(embedding)[:, :, None, None]
        if self.style.scale_shift:
            scale, shift = told.chunk(2, 1)
            hidden = F.silu(self.norm_out(hidden) * (1 + scale) + shift)
        else:
            hidden = F.silu(self.norm_out(hidden + told))
        hidden = self.conv_out(F.dropout(hidden, self.dropout, self.training))
        hidden = (self.skip(self._resampled(x)) + hidden) * self.style.skip_scale
        if self.attention is not None:
            hidden = self.attention(hidden)
        if self.cross is not None and tokens is not None:
            hidden = self.cross(hidden, tokens)
        return hidden
