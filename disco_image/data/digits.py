"""The 1,797 handwritten digits of scikit-learn, 8 x 8 pixels: a set that needs no download."""

from __future__ import annotations

import numpy as np

from disco_dock.runtime.errors import InputError
from disco_image.data.source import SourceInfo

SIZE, GREYS = 8, 16


class Digits:
    """The digits as an image source.

    Args:
        resolution: 0 or a multiple of 8, to which pixels are repeated.

    Raises:
        InputError: scikit-learn is not installed, or the resolution is no multiple of 8.
    """

    def __init__(self, resolution: int = 0) -> None:
        try:
            from sklearn.datasets import load_digits
        except ImportError:
            raise InputError("the built-in digits need scikit-learn; pip install 'disco-dock[image]'") from None
        resolution = resolution or SIZE
        if resolution % SIZE:
            raise InputError(f"digits have {SIZE} x {SIZE} pixels; choose a multiple of {SIZE}, not {resolution}")
        pixels, labels = load_digits(return_X_y=True)
        pixels = np.round(np.asarray(pixels).reshape(-1, SIZE, SIZE) * (255 / GREYS)).astype(np.uint8)
        factor = resolution // SIZE
        self._images = np.repeat(np.repeat(pixels, factor, 1), factor, 2)[:, None]
        self._labels = np.asarray(labels)
        self.info = SourceInfo(
            name="digits",
            count=len(pixels),
            resolution=resolution,
            channels=1,
            classes=tuple(str(digit) for digit in range(10)),
        )

    def image(self, index: int) -> np.ndarray:
        """(1, resolution, resolution) uint8."""
        return self._images[index]

    def label(self, index: int) -> int:
        """The digit."""
        return int(self._labels[index])
