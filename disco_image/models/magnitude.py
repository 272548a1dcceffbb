"""Operations that keep the magnitude of activations: where inputs have unit variance, so have outputs.

Source: Karras et al. 2024 (arXiv:2312.02696), sec. 2.3 to 2.5 and app. B.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from disco_image.models.layers import attend

EPS = 1e-4
SILU_MAGNITUDE = 0.596
"""Root mean square of SiLU of a standard normal number."""


def normalised(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    """x over its root mean square over some dimensions, which is taken in float32."""
    size = x.float().square().mean(dims, keepdim=True).sqrt() + EPS
    return x / size.to(x.dtype)


def magnitude_silu(x: Tensor) -> Tensor:
    """SiLU over its magnitude."""
    return F.silu(x) / SILU_MAGNITUDE


def blended(a: Tensor, b: Tensor, share: float) -> Tensor:
    """(1 - share) a + share b, over the magnitude that this has for unrelated a and b."""
    return torch.lerp(a, b.to(a.dtype), share) / math.hypot(1 - share, share)


def joined(a: Tensor, b: Tensor, share: float) -> Tensor:
    """Channels of a, then of b, scaled so that b has a share of what both contribute to the next layer."""
    n, m = a.shape[1], b.shape[1]
    scale = math.sqrt((n + m) / ((1 - share) ** 2 + share**2))
    return torch.cat([a * (scale * (1 - share) / math.sqrt(n)), b * (scale * share / math.sqrt(m))], 1)


def attention(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """(batch, queries, width) multi-head attention of (batch, tokens, width), each normalised in each head."""

    def unit(x: Tensor) -> Tensor:
        return normalised(x.unflatten(-1, (heads, -1)), (3,)).flatten(2)

    return attend(unit(query), unit(key), unit(value), heads)


class Product(nn.Module):
    """Convolution, or matrix product, with filters of unit length and without bias.

    In training the stored filters are brought to unit root mean square before each use, so that the rate of learning
    does not fall as they grow.

    Args:
        inputs: channels.
        outputs: channels.
        side: of the convolution's kernel, 0 for a matrix product.
    """

    def __init__(self, inputs: int, outputs: int, side: int = 0) -> None:
        super().__init__()
        self.side = side
        self.weight = nn.Parameter(torch.randn(outputs, inputs, *((side, side) if side else ())))

    def forward(self, x: Tensor, gain: Tensor | float = 1.0) -> Tensor:
        """(batch, outputs, ...) of (batch, inputs, ...), times a gain; a matrix product acts on the last dimension."""
        dims = tuple(range(1, self.weight.dim()))
        if self.training:
            with torch.no_grad():
                self.weight.copy_(normalised(self.weight, dims))
        weight = normalised(self.weight.float(), dims) * (gain / math.sqrt(self.weight[0].numel()))
        weight = weight.to(x.dtype)
        return F.conv2d(x, weight, padding=self.side // 2) if self.side else F.linear(x, weight)


class Fourier(nn.Module):
    """(batch, width) cosines of values (batch,) at random frequencies and phases, of unit variance.

    Args:
        width: of the output.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.frequencies: Tensor
        self.phases: Tensor
        self.register_buffer("frequencies", 2 * math.pi * torch.randn(width))
        self.register_buffer("phases", 2 * math.pi * torch.rand(width))

    def forward(self, values: Tensor) -> Tensor:
        """Features in float32."""
        angles = values.float()[:, None] * self.frequencies.float() + self.phases.float()
        return math.sqrt(2) * angles.cos()
