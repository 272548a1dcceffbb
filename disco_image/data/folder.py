"""Images in a folder: one folder per class (as ImageNet is kept), or all in one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from disco_dock.runtime.errors import InputError
from disco_image.data.decode import SUFFIXES, Crop, centre_crop, decode, is_image, open_image
from disco_image.data.source import SourceInfo


class ImageFolder:
    """Images below a folder; where they lie in sub-folders, those are the classes, in the order of their names.

    Args:
        path: of the folder.
        resolution: images are cropped to their centre and resized to it; 0 keeps the size of the first one.
        crop: how; see `centre_crop`.

    Raises:
        InputError: no images, or some lie beside class folders; names the file.
    """

    def __init__(self, path: Path, resolution: int = 0, crop: Crop = "edm") -> None:
        files = sorted(file for file in path.rglob("*") if is_image(file.relative_to(path).parts))
        if not files:
            raise InputError(f"{path}: no images in this folder ({', '.join(SUFFIXES)}); give another one")
        groups = [file.relative_to(path).parts[0] if file.parent != path else "" for file in files]
        names = sorted(set(groups) - {""})
        if names and "" in groups:
            loose = files[groups.index("")]
            raise InputError(f"{loose}: an image beside class folders; move it into one of them")
        self._files = files
        place = {name: number for number, name in enumerate(names)}
        self._labels = [place.get(group, -1) for group in groups]
        first = open_image(files[0], str(files[0]))
        self._resolution = resolution
        self._crop: Crop = crop
        self.info = SourceInfo(
            name=path.name,
            count=len(files),
            resolution=centre_crop(first, resolution, crop).width,
            channels=1 if first.mode == "L" else 3,
            classes=tuple(names),
        )

    def image(self, index: int) -> np.ndarray:
        """(channels, resolution, resolution) uint8.

        Raises:
            InputError: the file is damaged, or of another size where no resolution was given.
        """
        file, info = self._files[index], self.info
        array = decode(file, str(file), resolution=self._resolution, channels=info.channels, crop=self._crop)
        if array.shape[1] != info.resolution:
            raise InputError(
                f"{file}: {array.shape[1]} pixels, the first image has {info.resolution}; set data.resolution"
            )
        return array

    def label(self, index: int) -> int:
        """Class of an image, -1 without class folders."""
        return self._labels[index]
