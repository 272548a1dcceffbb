"""The CIFAR-10 python tarball, read without running the pickles that it holds."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from disco_dock.runtime.errors import InputError
from disco_image.data.decode import Crop, centre_crop, to_array
from disco_image.data.source import SourceInfo

SIZE = 32
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RECONSTRUCT = np.zeros(0).__reduce__()[0]
"""The function that pickled arrays name; its module has moved between versions of numpy."""
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): lambda text, coding: text.encode(coding),
}
"""The only names that a pickle in the tarball may load: those of numpy arrays."""


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """The allowed object of that name."""
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not an array")
        return ALLOWED[module, name]


class CifarTarball:
    """The training images (data_batch_*) of `cifar-10-python.tar.gz`.

    Args:
        path: of the tarball.
        resolution: images are resized to it; 0 keeps 32.
        crop: how; see `centre_crop`.

    Raises:
        InputError: not a tarball, cut short, or without batches of CIFAR-10; names the member.
    """

    def __init__(self, path: Path, resolution: int = 0, crop: Crop = "edm") -> None:
        images, labels = [], []
        try:
            with tarfile.open(path) as archive:
                members = sorted(
                    (m for m in archive if m.isfile() and Path(m.name).name.startswith("data_batch_")),
                    key=lambda member: member.name,
                )
                for member in members:
                    file = archive.extractfile(member)
                    assert file is not None
                    pixels, classes = _read_batch(file.read(), f"{path}: {member.name}")
                    images.append(pixels)
                    labels.append(classes)
        except (tarfile.TarError, OSError, EOFError) as error:
            raise InputError(f"{path}: not a readable tarball ({error}); fetch it again") from error
        if not images:
            raise InputError(f"{path}: no data_batch_* of CIFAR-10 inside; give cifar-10-python.tar.gz")
        self._images, self._labels = np.concatenate(images), np.concatenate(labels)
        self._resolution = resolution or SIZE
        self._crop: Crop = crop
        self.info = SourceInfo(
            name="cifar-10", count=len(self._images), resolution=self._resolution, channels=3, classes=CLASSES
        )

    def image(self, index: int) -> np.ndarray:
        """(3, resolution, resolution) uint8."""
        pixels = self._images[index]
        if self._resolution == SIZE:
            return pixels
        return to_array(centre_crop(Image.fromarray(pixels.transpose(1, 2, 0)), self._resolution, self._crop), 3)

    def label(self, index: int) -> int:
        """Class of an image."""
        return int(self._labels[index])


def _read_batch(data: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        batch = _ArraysOnly(io.BytesIO(data), encoding="bytes").load()
        pixels, labels = np.asarray(batch[b"data"]), np.asarray(batch[b"labels"], dtype=np.int64)
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(f"{where}: not a batch of CIFAR-10 ({error}); fetch the tarball again") from error
    if pixels.dtype != np.uint8 or pixels.shape != (len(labels), 3 * SIZE * SIZE):
        raise InputError(f"{where}: pixels of shape {pixels.shape} and type {pixels.dtype}; fetch the tarball again")
    if len(labels) and (labels.min() < 0 or labels.max() >= len(CLASSES)):
        raise InputError(f"{where}: a label is not in 0-9; fetch the tarball again")
    return pixels.reshape(-1, 3, SIZE, SIZE), labels
