"""The reader of a set of images, chosen by what its path is."""

from __future__ import annotations

from pathlib import Path

from disco_dock.runtime.errors import InputError
from disco_image.data.decode import Crop
from disco_image.data.source import ImageSource

MIN_IMAGES = 2
IDX = "images-idx3-ubyte"


def open_source(source: str, resolution: int = 0, crop: Crop = "edm") -> ImageSource:
    """The reader of a set of images.

    Args:
        source: ``digits``, or the path of a folder, a zip, a CIFAR-10 tarball or an IDX file of images (MNIST).
        resolution: images are cropped to their centre and resized to it; 0 keeps their own size.
        crop: how; see `centre_crop`.

    Raises:
        InputError: nothing there, a kind of file that is not known, or a damaged one.
    """
    # the readers import pillow or scikit-learn, which a run on another source does not need
    if source == "digits":
        from disco_image.data.digits import Digits

        return _checked(Digits(resolution))
    if not source:
        raise InputError("these settings name no images; give --data a folder, zip or tarball of them, or digits")
    path = Path(source)
    if path.is_dir():
        from disco_image.data.folder import ImageFolder

        return _checked(ImageFolder(path, resolution, crop))
    if not path.is_file():
        raise InputError(f"{source}: no such folder, zip or tarball of images; check the path given to --data")
    if path.suffix == ".zip":
        from disco_image.data.edm_zip import EdmZip

        return _checked(EdmZip(path, resolution, crop))
    if path.name.endswith((".tar.gz", ".tgz", ".tar")):
        from disco_image.data.cifar import CifarTarball

        return _checked(CifarTarball(path, resolution, crop))
    if IDX in path.name:
        from disco_image.data.idx import IdxImages

        return _checked(IdxImages(path, resolution, crop))
    raise InputError(
        f"{source}: not a folder, .zip, .tar.gz or images-idx3-ubyte file; give the images in one of these"
    )


def _checked(source: ImageSource) -> ImageSource:
    if source.info.count < MIN_IMAGES:
        raise InputError(f"{source.info.name}: {source.info.count} images, at least {MIN_IMAGES} are needed")
    return source
