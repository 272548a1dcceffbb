"""Layers that the networks share: attention, convolution blocks and noise embeddings."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def zero_init(module: nn.Module) -> nn.Module:
    """The module with all parameters set to zero, so that the branch it ends starts as nothing."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class GroupNorm(nn.GroupNorm):
    """Group normalisation with at most 32 groups of at least four channels, computed in float32."""

    def __init__(self, channels: int) -> None:
        groups = min(32, max(1, channels // 4))
        while channels % groups:
            groups -= 1
        super().__init__(groups, channels, eps=1e-5)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name of nn.GroupNorm
        """Normalised (batch, channels, ...) of the input's type."""
        weight, bias = self.weight.float(), self.bias.float()
        return F.group_norm(input.float(), self.num_groups, weight, bias, self.eps).to(input.dtype)


def frequencies(values: Tensor, width: int, maximum: float = 10_000.0) -> Tensor:
    """(batch, width) cosines and sines of values (batch,) at geometric frequencies from 1 down to 1 / maximum."""
    half = width // 2
    scale = torch.exp(-math.log(maximum) * torch.arange(half, device=values.device, dtype=torch.float32) / half)
    angles = values.float()[:, None] * scale
    return torch.cat([angles.cos(), angles.sin()], 1)


class LevelEmbedding(nn.Module):
    """(batch, width) embedding of the noise condition, of class labels and of augmentation labels.

    Args:
        width: of the output.
        inner: number of sinusoidal features.
        num_classes: width of the class label, 0 for none.
        augment_width: width of the augmentation label, 0 for none.
    """

    def __init__(self, width: int, inner: int, num_classes: int = 0, augment_width: int = 0) -> None:
        super().__init__()
        self.inner = inner
        self.first, self.second = nn.Linear(inner, width), nn.Linear(width, width)
        self.label = nn.Linear(num_classes, inner, bias=False) if num_classes else None
        self.augment = nn.Linear(augment_width, inner, bias=False) if augment_width else None

    def forward(self, noise: Tensor, labels: Tensor | None, augment: Tensor | None) -> Tensor:
        """Embedding of c_noise (batch,), one-hot labels (batch, classes) and augmentations (batch, features)."""
        hidden = frequencies(1000.0 * noise, self.inner)
        if self.label is not None and labels is not None:
            hidden = hidden + self.label(labels) * math.sqrt(self.label.in_features)
        if self.augment is not None and augment is not None:
            hidden = hidden + self.augment(augment)
        return F.silu(self.second(F.silu(self.first(hidden))))


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int, causal: bool = False) -> Tensor:
    """(batch, queries, width) multi-head attention of (batch, tokens, width) projections."""

    def split(x: Tensor) -> Tensor:
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    out = F.scaled_dot_product_attention(split(query), split(key), split(value), is_causal=causal)
    return out.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Residual self-attention over the pixels of a feature map."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.qkv = GroupNorm(channels), nn.Conv2d(channels, 3 * channels, 1)
        self.out = zero_init(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Feature map (batch, channels, height, width) of the same shape."""
        query, key, value = self.qkv(self.norm(x)).flatten(2).transpose(1, 2).chunk(3, -1)
        mixed = attend(query, key, value, self.heads).transpose(1, 2).unflatten(2, x.shape[2:])
        return x + self.out(mixed)


class CrossAttention(nn.Module):
    """Residual attention of the pixels (queries) to latent tokens (keys, values); starts as nothing.

    Source: DisCo-Diff (arXiv:2407.03300), sec. 3.1.
    """

    def __init__(self, channels: int, heads: int, token_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.token_norm = GroupNorm(channels), nn.LayerNorm(token_width)
        self.query, self.key_value = nn.Conv2d(channels, channels, 1), nn.Linear(token_width, 2 * channels)
        self.out = zero_init(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """Feature map (batch, channels, height, width) after attention to tokens (batch, tokens, token_width)."""
        query = self.query(self.norm(x)).flatten(2).transpose(1, 2)
        key, value = self.key_value(self.token_norm(tokens)).chunk(2, -1)
        mixed = attend(query, key, value, self.heads).transpose(1, 2).unflatten(2, x.shape[2:])
        return x + self.out(mixed)


class ResidualBlock(nn.Module):
    """Two convolutions, scaled and shifted by the embedding, with optional resampling and attention.

    Args:
        channels_in: of the input.
        channels: of the output.
        embedding: width of the embedding.
        resample: ``up``, ``down`` or ``keep``.
        heads: of the self-attention, 0 for none.
        token_width: of the latent tokens of the cross-attention that follows, 0 for none.
        cross_heads: its heads.
        dropout: before the second convolution.

    Source: the block of ADM (Dhariwal and Nichol 2021, arXiv:2105.05233, app. A), as in EDM's table 7.
    """

    def __init__(
        self,
        channels_in: int,
        channels: int,
        embedding: int,
        *,
        resample: str = "keep",
        heads: int = 0,
        token_width: int = 0,
        cross_heads: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.resample, self.dropout = resample, dropout
        self.norm_in, self.conv_in = GroupNorm(channels_in), nn.Conv2d(channels_in, channels, 3, padding=1)
        self.scale_shift = nn.Linear(embedding, 2 * channels)
        self.norm_out = GroupNorm(channels)
        self.conv_out = zero_init(nn.Conv2d(channels, channels, 3, padding=1))
        self.skip = nn.Conv2d(channels_in, channels, 1) if channels_in != channels else nn.Identity()
        self.attention = SelfAttention(channels, heads) if heads else None
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
        scale, shift = self.scale_shift(embedding)[:, :, None, None].chunk(2, 1)
        hidden = F.silu(self.norm_out(hidden) * (1 + scale) + shift)
        hidden = self.conv_out(F.dropout(hidden, self.dropout, self.training))
        hidden = self.skip(self._resampled(x)) + hidden
        if self.attention is not None:
            hidden = self.attention(hidden)
        if self.cross is not None and tokens is not None:
            hidden = self.cross(hidden, tokens)
        return hidden


class TransformerBlock(nn.Module):
    """Pre-norm transformer block.

    Args:
        width: of the tokens.
        heads: of the attention.
        embedding: width of an embedding that scales, shifts and gates both branches (zero at the start), 0 for none.
        causal: a token sees earlier tokens only.

    Source: adaLN-Zero of Peebles and Xie 2022 (arXiv:2212.09748), where there is an embedding.
    """

    def __init__(self, width: int, heads: int, *, embedding: int = 0, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.norm_a, self.norm_b = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.modulation = zero_init(nn.Linear(embedding, 6 * width)) if embedding else None

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        """Tokens (batch, tokens, width) of the same shape; embedding (batch, embedding) where there is one."""
        if self.modulation is None or embedding is None:
            x = x + self._attention(self.norm_a(x))
            return x + self._feed_forward(self.norm_b(x))
        shift_a, scale_a, gate_a, shift_b, scale_b, gate_b = self.modulation(embedding)[:, None].chunk(6, -1)
        x = x + gate_a * self._attention(self.norm_a(x) * (1 + scale_a) + shift_a)
        return x + gate_b * self._feed_forward(self.norm_b(x) * (1 + scale_b) + shift_b)

    def _attention(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(x).chunk(3, -1)
        return self.out(attend(query, key, value, self.heads, self.causal))

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.narrow(F.gelu(self.wide(x)))
