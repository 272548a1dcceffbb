"""Random numbers of samples: one stream per sample and purpose, whatever the batch size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from disco_dock.runtime.random import generator


class SeedStreams:
    """Streams keyed by (purpose, seed).

    Args:
        purpose: such as ``noise`` or ``latent``; streams of different purposes are unrelated.
        seeds: one per sample.
    """

    def __init__(self, purpose: str, seeds: Sequence[int]) -> None:
        self.seeds = list(seeds)
        self._generators = [generator("image", purpose, seed) for seed in seeds]

    def normal(self, count: int) -> Tensor:
        """(samples, count) standard normal numbers."""
        return torch.stack([torch.randn(count, generator=stream) for stream in self._generators])

    def uniform(self, count: int) -> Tensor:
        """(samples, count) numbers in [0, 1)."""
        return torch.stack([torch.rand(count, generator=stream) for stream in self._generators])
