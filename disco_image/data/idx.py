"""The files of MNIST and its successors: `...-images-idx3-ubyte` beside `...-labels-idx1-ubyte`, gzipped or not."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from disco_dock.runtime.errors import InputError
from disco_image.data.decode import Crop, centre_crop, to_array
from disco_image.data.source import SourceInfo

IMAGES, LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"
UBYTE = 8
"""Type code of unsigned bytes."""
PADDED = 32
"""Side to which images of 28 pixels are padded before they are averaged down."""


class IdxImages:
    """Grey images of an IDX file, with the labels of the file beside it.

    Args:
        path: of the images, such as `train-images-idx3-ubyte.gz`; the labels are in `train-labels-idx1-ubyte.gz`.
        resolution: 0 keeps the size. Images of 28 pixels are padded to 32 with black and averaged over squares where
            the resolution divides 32; all others are cropped to their centre and resized.
        crop: how; see `centre_crop`.

    Raises:
        InputError: one of the files is absent, cut short or of another kind; names it.
    """

    def __init__(self, path: Path, resolution: int = 0, crop: Crop = "edm") -> None:
        images = _read(path, 3)
        if images.shape[1] != images.shape[2]:
            raise InputError(f"{path}: images of {images.shape[1]} x {images.shape[2]}, not square; crop them first")
        side = images.shape[1]
        if resolution and side == PADDED - 4 and PADDED % resolution == 0:
            factor = PADDED // resolution
            padded = np.pad(images, ((0, 0), (2, 2), (2, 2)))
            means = padded.reshape(-1, resolution, factor, resolution, factor).mean((2, 4))
            images = np.round(means).astype(np.uint8)
        self._images, self._resolution = images, resolution or side
        self._crop: Crop = crop
        labels = path.with_name(path.name.replace(IMAGES, LABELS))
        self._labels = _read(labels, 1).astype(np.int64)
        if len(self._labels) != len(images):
            raise InputError(f"{labels}: {len(self._labels)} labels for {len(images)} images; fetch both again")
        self.info = SourceInfo(
            name=path.resolve().parent.name,
            count=len(images),
            resolution=self._resolution,
            channels=1,
            classes=tuple(str(number) for number in range(int(self._labels.max(initial=-1)) + 1)),
        )

    def image(self, index: int) -> np.ndarray:
        """(1, resolution, resolution) uint8."""
        pixels = self._images[index]
        if pixels.shape[0] == self._resolution:
            return pixels[None]
        return to_array(centre_crop(Image.fromarray(pixels), self._resolution, self._crop), 1)

    def label(self, index: int) -> int:
        """Class of an image."""
        return int(self._labels[index])


def _read(path: Path, dimensions: int) -> np.ndarray:
    """The array of an IDX file of unsigned bytes."""
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        zero, kind, found = struct.unpack_from(">HBB", data)
        shape = struct.unpack_from(f">{dimensions}I", data, 4)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise InputError(f"{path}: cannot be read as an IDX file ({error}); fetch it again") from error
    if (zero, kind, found) != (0, UBYTE, dimensions):
        raise InputError(f"{path}: not an IDX file of bytes in {dimensions} dimensions; fetch it again")
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions)
    if len(values) != int(np.prod(shape)):
        raise InputError(f"{path}: {len(values)} bytes where {int(np.prod(shape))} are announced; fetch it again")
    return values.reshape(shape)
