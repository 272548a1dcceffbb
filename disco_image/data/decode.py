"""Encoded image files to arrays: centre crop, resize, channels first."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Literal

import numpy as np
from PIL import Image, UnidentifiedImageError

from disco_dock.runtime.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
Crop = Literal["edm", "dhariwal"]
"""How images become squares of a resolution; see `centre_crop`."""


def is_image(parts: Sequence[str]) -> bool:
    """Whether a path, by its parts, is that of an image; what macOS puts beside images (`__MACOSX`, `._x`) is none."""
    name = parts[-1]
    return PurePosixPath(name).suffix.lower() in SUFFIXES and "__MACOSX" not in parts and not name.startswith(".")


def open_image(file: IO[bytes] | Path | bytes, where: str) -> Image.Image:
    """The decoded image in grey or RGB.

    Raises:
        InputError: the bytes are no image, or are cut short; names `where`.
    """
    try:
        image = Image.open(io.BytesIO(file) if isinstance(file, bytes) else file)
        image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = "of no known kind" if isinstance(error, UnidentifiedImageError) else str(error)
        raise InputError(f"{where}: not a readable image ({reason}); remove or replace the file") from error
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def centre_crop(image: Image.Image, resolution: int, crop: Crop = "edm") -> Image.Image:
    """The largest centred square, resized to the resolution (0 keeps its size).

    ``edm`` crops, then resizes by Lanczos: EDM's ImageNet and the reference statistics of its FID. ``dhariwal`` halves
    by box filters while the image is at least twice too large, resizes bicubically and crops: ADM's
    (arXiv:2105.05233).

    Args:
        image: grey or RGB.
        resolution: of the result.
        crop: which of the two.
    """
    side = min(image.size)
    if crop == "edm":
        left, top = (image.width - side) // 2, (image.height - side) // 2
        square = image.crop((left, top, left + side, top + side))
        if resolution in (0, side):
            return square
        return square.resize((resolution, resolution), Image.Resampling.LANCZOS)
    if resolution:
        while side >= 2 * resolution:
            image = image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX)
            side = min(image.size)
        if side != resolution:
            scale = resolution / side
            size = (max(resolution, round(image.width * scale)), max(resolution, round(image.height * scale)))
            image = image.resize(size, Image.Resampling.BICUBIC)
            side = resolution
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def to_array(image: Image.Image, channels: int) -> np.ndarray:
    """(channels, height, width) uint8."""
    if channels == 1:
        return np.asarray(image.convert("L"))[None].copy()
    return np.asarray(image.convert("RGB")).transpose(2, 0, 1).copy()


def decode(
    file: IO[bytes] | Path | bytes, where: str, *, resolution: int, channels: int, crop: Crop = "edm"
) -> np.ndarray:
    """(channels, resolution, resolution) uint8 of an encoded image.

    Raises:
        InputError: the bytes are no image, or the cropped image has another size than the set.
    """
    image = centre_crop(open_image(file, where), resolution, crop)
    return to_array(image, channels)
