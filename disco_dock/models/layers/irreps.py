"""Hidden features split by irrep, and their channel counts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Channels(NamedTuple):
    """Channel counts of the four irreps with l <= 1.

    Attributes:
        even_scalars: 0e.
        odd_vectors: 1o (true vectors).
        even_vectors: 1e (pseudo-vectors).
        odd_scalars: 0o (pseudo-scalars).
    """

    even_scalars: int
    odd_vectors: int = 0
    even_vectors: int = 0
    odd_scalars: int = 0

    @property
    def width(self) -> int:
        """Numbers per node."""
        return self.even_scalars + 3 * self.odd_vectors + 3 * self.even_vectors + self.odd_scalars

    def irreps(self) -> str:
        """The e3nn name, e.g. ``24x0e+6x1o``."""
        names = zip(self, ("0e", "1o", "1e", "0o"), strict=True)
        return "+".join(f"{count}x{name}" for count, name in names if count)


class Features(NamedTuple):
    """Node features split by irrep; vectors keep x, y, z as the second-last dimension.

    Attributes:
        even_scalars: (..., channels).
        odd_vectors: (..., 3, channels).
        even_vectors: (..., 3, channels).
        odd_scalars: (..., channels).
    """

    even_scalars: Tensor
    odd_vectors: Tensor
    even_vectors: Tensor
    odd_scalars: Tensor

    @property
    def channels(self) -> Channels:
        """Channel counts."""
        return Channels(*(part.shape[-1] for part in self))

    def flat(self) -> Tensor:
        """(..., width) with vectors component by component: 0e | 1o x, y, z | 1e x, y, z | 0o."""
        return torch.cat(
            [self.even_scalars, self.odd_vectors.flatten(-2), self.even_vectors.flatten(-2), self.odd_scalars], -1
        )

    @classmethod
    def from_flat(cls, flat: Tensor, channels: Channels) -> Features:
        """The inverse of `flat`."""
        sizes = [channels.even_scalars, 3 * channels.odd_vectors, 3 * channels.even_vectors, channels.odd_scalars]
        scalars, vectors, pseudo_vectors, pseudo_scalars = flat.split(sizes, -1)
        return cls(
            scalars,
            vectors.unflatten(-1, (3, channels.odd_vectors)),
            pseudo_vectors.unflatten(-1, (3, channels.even_vectors)),
            pseudo_scalars,
        )

    @classmethod
    def from_scalars(cls, scalars: Tensor, channels: Channels, vectors: Tensor | None = None) -> Features:
        """Features with the given even scalars (and odd vectors), and zeros elsewhere."""
        lead = scalars.shape[:-1]
        return cls(
            scalars,
            scalars.new_zeros(*lead, 3, channels.odd_vectors) if vectors is None else vectors,
            scalars.new_zeros(*lead, 3, channels.even_vectors),
            scalars.new_zeros(*lead, channels.odd_scalars),
        )

    def map(self, function) -> Features:
        """The same function applied to each irrep's tensor."""
        return Features(*(function(part) for part in self))

    def scale(self, mask: Tensor) -> Features:
        """Each node's features times a number; mask is (...)."""
        column = mask[..., None]
        return Features(
            self.even_scalars * column,
            self.odd_vectors * column[..., None],
            self.even_vectors * column[..., None],
            self.odd_scalars * column,
        )

    def add_to_wider(self, wider: Features) -> Features:
        """`wider` plus these features in its first channels of each irrep (a zero-padded residual)."""

        def padded(narrow: Tensor, wide: Tensor) -> Tensor:
            missing = wide.shape[-1] - narrow.shape[-1]
            return wide + (torch.nn.functional.pad(narrow, (0, missing)) if missing else narrow)

        return Features(*(padded(mine, theirs) for mine, theirs in zip(self, wider, strict=True)))

    def concatenated(self, other: Features, dim: int) -> Features:
        """Nodes of both along a node dimension (counted from the front)."""
        return Features(*(torch.cat([mine, theirs], dim) for mine, theirs in zip(self, other, strict=True)))

    def invariants(self) -> Tensor:
        """(..., channels) the scalars, even then odd."""
        return torch.cat([self.even_scalars, self.odd_scalars], -1)


def published_channels(layer: int, scalars: int, vectors: int) -> Channels:
    """Channels entering convolution `layer` of the published networks (0: node embeddings)."""
    return Channels(scalars, vectors if layer >= 1 else 0, vectors if layer >= 2 else 0, scalars if layer >= 3 else 0)
