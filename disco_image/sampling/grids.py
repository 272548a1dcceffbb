"""Grids of images as PNG files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from disco_dock.runtime.files import atomic_write
from disco_image.data.batches import to_pixels

GRID_WIDTH = 640
"""Pixels that a grid of small images is enlarged towards."""
GAP = 1
PAPER = 128
"""Grey level between images."""


def write_grid(path: str | Path, images: Tensor, columns: int = 0) -> None:
    """Write images (samples, channels, height, width) in [-1, 1] as one PNG, row by row, small ones enlarged.

    Args:
        path: of the PNG.
        images: samples.
        columns: of the grid; 0 for a square.
    """
    count, channels, height, width = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    factor = max(1, GRID_WIDTH // (columns * (width + GAP)))
    pixels = to_pixels(images).repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    height, width, gap = height * factor, width * factor, GAP * max(1, factor // 4)
    sheet = torch.full((channels, rows * (height + gap) + gap, columns * (width + gap) + gap), PAPER, dtype=torch.uint8)
    for place in range(count):
        row, column = divmod(place, columns)
        top, left = gap + row * (height + gap), gap + column * (width + gap)
        sheet[:, top : top + height, left : left + width] = pixels[place]
    write_png(path, sheet)


def write_png(path: str | Path, pixels: Tensor) -> None:
    """Write uint8 pixels (1 or 3, height, width) as a PNG."""
    array = pixels.cpu().numpy()
    image = (
        Image.fromarray(array[0])
        if len(array) == 1
        else Image.fromarray(np.ascontiguousarray(array.transpose(1, 2, 0)))
    )
    with atomic_write(path) as handle:
        image.save(handle, format="PNG")
