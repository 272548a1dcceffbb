"""Embeddings of the noise level, the class and the augmentation, as EDM's two families of U-Nets have them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MAX_PERIOD = 10_000.0


def frequencies(values: Tensor, width: int, *, endpoint: bool = False) -> Tensor:
    """(batch, width) cosines, then sines, of values (batch,) at geometric frequencies from 1 down to about 1 / 10,000.

    Args:
        values: c_noise.
        width: even.
        endpoint: whether the last frequency is exactly 1 / 10,000.
    """
    half = width // 2
    powers = torch.arange(half, device=values.device, dtype=torch.float32) / max(1, half - endpoint)
    angles = values.float()[:, None] * torch.exp(-math.log(MAX_PERIOD) * powers)
    return torch.cat([angles.cos(), angles.sin()], 1)


class AdmEmbedding(nn.Module):
    """(batch, width) embedding; the class enters after the second layer, at full width.

    Args:
        width: of the output.
        inner: number of sinusoidal features.
        num_classes: width of the class label, 0 for none.
        augment_width: width of the augmentation label, 0 for none.

    Source: Dhariwal and Nichol 2021 (arXiv:2105.05233), as EDM builds it (arXiv:2206.00364, table 7 and app. F).
    """

    def __init__(self, width: int, inner: int, num_classes: int = 0, augment_width: int = 0) -> None:
        super().__init__()
        self.inner = inner
        self.first, self.second = nn.Linear(inner, width), nn.Linear(width, width)
        self.label = nn.Linear(num_classes, width, bias=False) if num_classes else None
        self.augment = nn.Linear(augment_width, inner, bias=False) if augment_width else None
        if self.label is not None:
            nn.init.normal_(self.label.weight)
        if self.augment is not None:
            nn.init.zeros_(self.augment.weight)

    def forward(self, noise: Tensor, labels: Tensor | None, augment: Tensor | None) -> Tensor:
        """Embedding of c_noise (batch,), one-hot labels (batch, classes) and augmentations (batch, features)."""
        hidden = frequencies(noise, self.inner)
        if self.augment is not None and augment is not None:
            hidden = hidden + self.augment(augment)
        hidden = self.second(F.silu(self.first(hidden)))
        if self.label is not None and labels is not None:
            hidden = hidden + self.label(labels)
        return F.silu(hidden)


class DdpmppEmbedding(nn.Module):
    """(batch, width) embedding; class and augmentation join the sinusoidal features. Arguments as `AdmEmbedding`.

    Source: DDPM++ of Song et al. 2021 (arXiv:2011.13456), as EDM builds it (arXiv:2206.00364, table 7 and app. F).
    """

    def __init__(self, width: int, inner: int, num_classes: int = 0, augment_width: int = 0) -> None:
        super().__init__()
        self.inner = inner
        self.first, self.second = nn.Linear(inner, width), nn.Linear(width, width)
        self.label = nn.Linear(num_classes, inner) if num_classes else None
        self.augment = nn.Linear(augment_width, inner, bias=False) if augment_width else None

    def forward(self, noise: Tensor, labels: Tensor | None, augment: Tensor | None) -> Tensor:
        """Embedding of c_noise (batch,), one-hot labels (batch, classes) and augmentations (batch, features)."""
        cosines, sines = frequencies(noise, self.inner, endpoint=True).chunk(2, 1)
        hidden = torch.cat([sines, cosines], 1)
        if self.label is not None and labels is not None:
            hidden = hidden + self.label(labels * math.sqrt(self.label.in_features))
        if self.augment is not None and augment is not None:
            hidden = hidden + self.augment(augment)
        return F.silu(self.second(F.silu(self.first(hidden))))
