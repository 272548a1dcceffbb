"""Layers that the networks share: normalisation, attention and the transformer block."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from disco_dock.runtime.errors import ConfigError


def check_halvings(resolution: int, times: int) -> None:
    """Refuse images that do not suit the levels of a network.

    Raises:
        ConfigError: the resolution cannot be halved so often.
    """
    if resolution % 2**times:
        raise ConfigError(f"resolution {resolution} cannot be halved {times} times")


def zero_init(module: nn.Module) -> nn.Module:
    """The module with all parameters set to zero, so that the branch it ends starts as nothing."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class GroupNorm(nn.GroupNorm):
    """Group normalisation with at most 32 groups of at least four channels, computed in float32."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        groups = min(32, max(1, channels // 4))
        while channels % groups:
            groups -= 1
        super().__init__(groups, channels, eps=eps)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name of nn.GroupNorm
        """Normalised (batch, channels, ...) of the input's type."""
        weight, bias = self.weight.float(), self.bias.float()
        return F.group_norm(input.float(), self.num_groups, weight, bias, self.eps).to(input.dtype)


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int, causal: bool = False) -> Tensor:
    """(batch, queries, width) multi-head attention of (batch, tokens, width) projections."""

    def split(x: Tensor) -> Tensor:
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    out = F.scaled_dot_product_attention(split(query), split(key), split(value), is_causal=causal)
    return out.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Residual self-attention over the pixels of a feature map.

    Args:
        channels: of the feature map.
        heads: of the attention.
        eps: of the group normalisation.
        skip_scale: factor on the sum of attention and skip.
    """

    def __init__(self, channels: int, heads: int, eps: float = 1e-5, skip_scale: float = 1.0) -> None:
        super().__init__()
        self.heads, self.skip_scale = heads, skip_scale
        self.norm, self.qkv = GroupNorm(channels, eps), nn.Conv2d(channels, 3 * channels, 1)
        self.out = zero_init(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Feature map (batch, channels, height, width) of the same shape."""
        query, key, value = self.qkv(self.norm(x)).flatten(2).transpose(1, 2).chunk(3, -1)
        mixed = attend(query, key, value, self.heads).transpose(1, 2).unflatten(2, x.shape[2:])
        return (x + self.out(mixed)) * self.skip_scale


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
