"""What every set of images offers, and the choice of a reader by what a path is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from disco_dock.runtime.errors import InputError

MIN_IMAGES = 2


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


def open_source(source: str, resolution: int = 0) -> ImageSource:
    """The reader of a set of images.

    Args:
        source: ``digits``, or the path of a folder, a zip or a CIFAR-10 tarball.
        resolution: images are cropped to their centre and resized to it; 0 keeps their own size.

    Raises:
        InputError: nothing there, a kind of file that is not known, or a damaged one.
    """
    # the readers import pillow or scikit-learn, which a run on another source does not need
    if source == "digits":
        from disco_image.data.digits import Digits

        return _checked(Digits(resolution))
    path = Path(source)
    if path.is_dir():
        from disco_image.data.folder import ImageFolder

        return _checked(ImageFolder(path, resolution))
    if not path.is_file():
        raise InputError(f"{source}: no such folder, zip or tarball of images; set data.source to one, or to digits")
    if path.suffix == ".zip":
        from disco_image.data.edm_zip import EdmZip

        return _checked(EdmZip(path, resolution))
    if path.name.endswith((".tar.gz", ".tgz", ".tar")):
        from disco_image.data.cifar import CifarTarball

        return _checked(CifarTarball(path, resolution))
    raise InputError(f"{source}: not a folder, .zip or .tar.gz; give the images in one of these")


def _checked(source: ImageSource) -> ImageSource:
    if source.info.count < MIN_IMAGES:
        raise InputError(f"{source.info.name}: {source.info.count} images, at least {MIN_IMAGES} are needed")
    return source
