"""Data-set zips in the layout of EDM and StyleGAN: images and a `dataset.json` with their labels."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np

from disco_dock.runtime.errors import InputError
from disco_image.data.decode import SUFFIXES, Crop, centre_crop, decode, is_image, open_image
from disco_image.data.source import SourceInfo

LABELS = "dataset.json"


class EdmZip:
    """Images of a zip; `dataset.json` holds {"labels": [[file name, class], ...]} or null labels.

    Args:
        path: of the zip.
        resolution: images are cropped to their centre and resized to it; 0 keeps the size of the first one.
        crop: how; see `centre_crop`.

    Raises:
        InputError: not a zip, cut short, no images, or labels that do not fit; names the file.
    """

    def __init__(self, path: Path, resolution: int = 0, crop: Crop = "edm") -> None:
        self._path, self._resolution = path, resolution
        self._crop: Crop = crop
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise InputError(f"{path}: not a readable zip ({error}); fetch it again") from error
        self._names = sorted(name for name in self._zip.namelist() if is_image(name.split("/")))
        if not self._names:
            raise InputError(f"{path}: no images in this zip ({', '.join(SUFFIXES)}); give another one")
        self._labels = self._read_labels()
        first = open_image(self._read(self._names[0]), f"{path}: {self._names[0]}")
        count = max(self._labels, default=-1) + 1
        self.info = SourceInfo(
            name=path.stem,
            count=len(self._names),
            resolution=centre_crop(first, resolution, crop).width,
            channels=1 if first.mode == "L" else 3,
            classes=self._class_names(count),
        )

    def _read(self, name: str) -> bytes:
        try:
            return self._zip.read(name)
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
            raise InputError(f"{self._path}: {name} cannot be read ({error}); fetch the zip again") from error

    def _read_labels(self) -> list[int]:
        if LABELS not in self._zip.namelist():
            return [-1] * len(self._names)
        try:
            pairs = json.loads(self._read(LABELS))["labels"]
            given = {} if pairs is None else {str(name): label for name, label in pairs}
        except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
            raise InputError(f'{self._path}: {LABELS} is not {{"labels": [[name, class], ...]}} ({error})') from error
        if not given:
            return [-1] * len(self._names)
        labels = []
        for name in self._names:
            label = given.get(name)
            if isinstance(label, bool) or not isinstance(label, int) or label < 0:
                raise InputError(f"{self._path}: {LABELS} has no class number for {name} (found {label!r}); correct it")
            labels.append(label)
        return labels

    def _class_names(self, count: int) -> tuple[str, ...]:
        """The folder of each class where its images share one, else its number."""
        names = [str(number) for number in range(count)]
        for name, label in zip(self._names, self._labels, strict=True):
            if label >= 0 and "/" in name:
                names[label] = name.rpartition("/")[0]
        return tuple(names) if len(set(names)) == count else tuple(str(number) for number in range(count))

    def image(self, index: int) -> np.ndarray:
        """(channels, resolution, resolution) uint8.

        Raises:
            InputError: the member is damaged, or of another size where no resolution was given.
        """
        name, info = self._names[index], self.info
        where = f"{self._path}: {name}"
        array = decode(self._read(name), where, resolution=self._resolution, channels=info.channels, crop=self._crop)
        if array.shape[1] != info.resolution:
            raise InputError(
                f"{where}: {array.shape[1]} pixels, the first image has {info.resolution}; set data.resolution"
            )
        return array

    def label(self, index: int) -> int:
        """Class of an image, -1 without labels."""
        return self._labels[index]
