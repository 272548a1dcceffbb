"""Batches that are a function of (seed, step), whatever the number of threads or processes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from disco_dock.runtime.random import derive_seed, generator
from disco_image.data.augment import DRAWS, augment
from disco_image.data.source import ImageSource

MEMORY_LIMIT = 1 << 30
"""Bytes of decoded images that are kept in memory."""


class RowRandom:
    """One random stream per row of a global batch, so that a row's numbers do not depend on who computes it.

    Args:
        keys: of the batch, such as a purpose, the seed and the step.
        rows: of the global batch.
    """

    def __init__(self, keys: tuple[str | int, ...], rows: Sequence[int]) -> None:
        first = derive_seed(*keys)
        self._streams = [torch.Generator().manual_seed((first + 0x9E3779B9 * row) % 2**63) for row in rows]

    def normal(self, count: int) -> Tensor:
        """(rows, count) standard normal numbers."""
        return torch.stack([torch.randn(count, generator=stream) for stream in self._streams])

    def uniform(self, count: int) -> Tensor:
        """(rows, count) numbers in [0, 1)."""
        return torch.stack([torch.rand(count, generator=stream) for stream in self._streams])


class ImageBatch(NamedTuple):
    """Images of one step.

    Attributes:
        images: (batch, channels, resolution, resolution) in [-1, 1].
        labels: (batch, classes) one-hot, or None.
        augment: (batch, 9) augmentation labels, or None.
        index: (batch,) places of the images in their set.
    """

    images: Tensor
    labels: Tensor | None
    augment: Tensor | None
    index: Tensor


def to_unit(pixels: np.ndarray) -> Tensor:
    """Float32 images in [-1, 1] from uint8 pixels."""
    return torch.from_numpy(pixels.astype(np.float32)) / 127.5 - 1


def to_pixels(images: Tensor) -> Tensor:
    """uint8 pixels from images in [-1, 1]."""
    return ((images.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


class ImageBatches:
    """Batches of a set of images.

    Args:
        source: the images.
        batch_size: rows of the global batch.
        seed: of the order, the flips and the augmentation.
        classes: whether batches carry one-hot labels.
        flip: whether images are mirrored at random.
        augment_rate: probability of each augmentation, 0 for none.
        workers: threads that decode.
        rows: the rows of the global batch that this process makes; None for all.
    """

    def __init__(
        self,
        source: ImageSource,
        *,
        batch_size: int,
        seed: int,
        classes: bool = False,
        flip: bool = False,
        augment_rate: float = 0.0,
        workers: int = 2,
        rows: Sequence[int] | None = None,
    ) -> None:
        self.source, self.batch_size, self.seed = source, batch_size, seed
        self.num_classes = len(source.info.classes) if classes else 0
        self.flip, self.augment_rate = flip, augment_rate
        self.rows = range(batch_size) if rows is None else rows
        info = source.info
        small = info.count * info.channels * info.resolution**2 <= MEMORY_LIMIT
        self._kept: dict[int, np.ndarray] | None = {} if small else None
        self._decoders = ThreadPoolExecutor(workers, thread_name_prefix="decode")
        self._orders: dict[int, Tensor] = {}

    def indices(self, step: int) -> list[int]:
        """Images of this process's rows of a step: all images once per epoch, in a new order each time."""
        count = self.source.info.count
        out = []
        for row in self.rows:
            epoch, place = divmod(step * self.batch_size + row, count)
            if epoch not in self._orders:
                self._orders = {key: order for key, order in self._orders.items() if key >= epoch - 1}
                self._orders[epoch] = torch.randperm(count, generator=generator("order", self.seed, epoch))
            out.append(int(self._orders[epoch][place]))
        return out

    def pixels(self, index: int) -> np.ndarray:
        """uint8 pixels of an image, decoded once where the set fits in memory."""
        if self._kept is None:
            return self.source.image(index)
        if index not in self._kept:
            self._kept[index] = self.source.image(index)
        return self._kept[index]

    def stack(self, indices: list[int]) -> Tensor:
        """(batch, channels, resolution, resolution) images in [-1, 1], as they are in the set."""
        return to_unit(np.stack(list(self._decoders.map(self.pixels, indices))))

    def classes(self, indices: Sequence[int]) -> Tensor:
        """(batch,) classes of images, -1 where they have none."""
        return torch.tensor([self.source.label(index) for index in indices])

    def labels(self, indices: list[int]) -> Tensor | None:
        """(batch, classes) one-hot labels, or None."""
        if not self.num_classes:
            return None
        return F.one_hot(self.classes(indices), self.num_classes).float()

    def make(self, step: int) -> ImageBatch:
        """The batch of a step."""
        indices = self.indices(step)
        images, moves = self.stack(indices), None
        if self.flip or self.augment_rate:
            uniform = RowRandom(("augment", self.seed, step), self.rows).uniform(DRAWS + 1)
            if self.flip:
                images = torch.where(uniform[:, -1, None, None, None] < 0.5, images.flip(3), images)
            if self.augment_rate:
                images, moves = augment(images, uniform[:, :DRAWS], self.augment_rate)
        return ImageBatch(images, self.labels(indices), moves, torch.tensor(indices))

    def close(self) -> None:
        """Stop the decoding threads."""
        self._decoders.shutdown(wait=True, cancel_futures=True)
