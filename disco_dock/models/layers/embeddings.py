"""Embeddings of time, distances, categories, and linear layers over named input parts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


def time_embedding(t: Tensor, dim: int, scale: float) -> Tensor:
    """(..., dim) sines then cosines of `scale * t` at geometric frequencies from 1 to 1e-4.

    Args:
        t: (...) diffusion time in [0, 1].
        dim: even number of features.
        scale: factor on t, 1000 for the published score models.

    Source: Vaswani et al. 2017 (arXiv:1706.03762), sec. 3.5, as used by DiffDock.
    """
    half = dim // 2
    rates = torch.exp(torch.arange(half, device=t.device, dtype=t.dtype) * -(math.log(10000) / (half - 1)))
    angle = scale * t[..., None] * rates
    return torch.cat([angle.sin(), angle.cos()], -1)


class GaussianExpansion(nn.Module):
    """Distances to Gaussians at evenly spaced centres; beyond the last centre they decay to zero."""

    def __init__(self, stop: float, count: int = 32) -> None:
        super().__init__()
        self.stop, self.count = stop, count
        self.spacing = stop / (count - 1)
        self.coefficient = -0.5 / self.spacing**2

    def forward(self, distance: Tensor) -> Tensor:
        """(..., count) from distances (...) in Angstrom."""
        centres = torch.linspace(0.0, self.stop, self.count, device=distance.device, dtype=distance.dtype)
        return torch.exp(self.coefficient * (distance[..., None] - centres) ** 2)


class PartsLinear(nn.Module):
    """A linear layer over a concatenation of named parts, applied part by part.

    A part that is the same for many edges (time, a node's scalars) is multiplied once and broadcast.
    """

    def __init__(self, parts: Mapping[str, int], out: int) -> None:
        super().__init__()
        self.sizes = {name: size for name, size in parts.items() if size}
        width = sum(self.sizes.values())
        reference = nn.Linear(width, out)
        self.weight = nn.Parameter(reference.weight.detach().clone())
        self.bias = nn.Parameter(reference.bias.detach().clone())

    def part(self, name: str) -> Tensor:
        """(out, size) weight of one part."""
        start = 0
        for other, size in self.sizes.items():
            if other == name:
                return self.weight[:, start : start + size]
            start += size
        raise KeyError(f"no part {name!r}; parts are {list(self.sizes)}")

    def apply_part(self, name: str, value: Tensor) -> Tensor:
        """(..., out) contribution of one part, without the bias."""
        return nn.functional.linear(value, self.part(name))

    def forward(self, values: Mapping[str, Tensor]) -> Tensor:
        """(..., out) sum of all given parts' contributions and the bias; the parts broadcast."""
        total: Tensor | None = None
        for name, value in values.items():
            if name in self.sizes:
                term = self.apply_part(name, value)
                total = term if total is None else total + term
        return self.bias if total is None else total + self.bias


class EdgeEmbedding(nn.Module):
    """Two-layer perceptron over named parts of an edge's input: Linear, ReLU, Dropout, Linear."""

    def __init__(self, parts: Mapping[str, int], width: int, dropout: float) -> None:
        super().__init__()
        self.first = PartsLinear(parts, width)
        self.dropout = nn.Dropout(dropout)
        self.second = nn.Linear(width, width)

    def forward(self, values: Mapping[str, Tensor]) -> Tensor:
        """(..., width)."""
        return self.second(self.dropout(torch.relu(self.first(values))))


class CategoryEmbedding(nn.Module):
    """Sum of one embedding per categorical column."""

    def __init__(self, sizes: Sequence[int], width: int) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.weight = nn.Parameter(torch.empty(sum(sizes), width))
        start = 0
        with torch.no_grad():
            for size in sizes:
                nn.init.xavier_uniform_(self.weight[start : start + size])
                start += size

    def forward(self, columns: Tensor) -> Tensor:
        """(..., width) from integer columns (..., len(sizes))."""
        offset = torch.tensor((0, *self.sizes[:-1]), device=columns.device).cumsum(0)
        return nn.functional.embedding_bag((columns + offset).flatten(0, -2), self.weight, mode="sum").unflatten(
            0, columns.shape[:-1]
        )


class NodeEmbedding(nn.Module):
    """Categorical embedding, and with extra features a linear layer over both."""

    def __init__(self, sizes: Sequence[int], extras: Mapping[str, int], width: int) -> None:
        super().__init__()
        self.categories = CategoryEmbedding(sizes, width)
        extras = {name: size for name, size in extras.items() if size}
        self.mix = PartsLinear({"categories": width, **extras}, width) if extras else None

    def forward(self, columns: Tensor, extras: Mapping[str, Tensor]) -> Tensor:
        """(..., width) from integer columns (..., len(sizes)) and broadcastable extra features."""
        embedded = self.categories(columns)
        return embedded if self.mix is None else self.mix({"categories": embedded, **extras})
