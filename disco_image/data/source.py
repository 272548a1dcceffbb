"""What every set of images offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceInfo:
    """Facts about a set of images.

    Attributes:
        name: for reports.
        count: number of images.
        resolution: height and width.
        channels: 1 or 3.
        classes: names of the classes, empty where there are no labels.
    """

    name: str
    count: int
    resolution: int
    channels: int
    classes: tuple[str, ...]


class ImageSource(Protocol):
    """A set of images that is read one at a time, from any thread."""

    @property
    def info(self) -> SourceInfo:
        """Facts about the set."""
        ...

    def image(self, index: int) -> np.ndarray:
        """(channels, resolution, resolution) uint8."""
        ...

    def label(self, index: int) -> int:
        """Class of an image, -1 where there are none."""
        ...
