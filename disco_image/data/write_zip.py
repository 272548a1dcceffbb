"""A set of images as one zip in EDM's layout: squares of a resolution, with labels; the same bytes every time."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from disco_dock.runtime.files import atomic_write
from disco_image.data.edm_zip import LABELS
from disco_image.data.source import ImageSource

EPOCH = (1980, 1, 1, 0, 0, 0)
"""Date of every member, so that equal images make equal zips."""
PER_FOLDER = 1000
AHEAD = 256
"""Images that are encoded before they are written."""


def write_zip(
    source: ImageSource,
    path: Path,
    chosen: Sequence[int] | None = None,
    *,
    workers: int = 4,
    advance: Callable[[int], None] = lambda count: None,
) -> int:
    """Write the images of a source as `00000/img00000123.png`, stored, with `dataset.json`; returns their number.

    Args:
        source: opened at the wanted resolution.
        path: of the zip, which appears when it is complete.
        chosen: places of the images to write, in order; None for all.
        workers: threads that decode and encode.
        advance: called with the number of images that were written.

    Raises:
        InputError: an image cannot be read.
        OSError: the disk is full.
    """
    chosen = range(source.info.count) if chosen is None else chosen
    with atomic_write(path) as handle, zipfile.ZipFile(handle, "w", zipfile.ZIP_STORED) as archive:
        labels = []
        for index, data in enumerate(_encoded(source, chosen, workers)):
            name = f"{index // PER_FOLDER:05d}/img{index:08d}.png"
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data)
            labels.append([name, source.label(chosen[index])])
            advance(1)
        given = labels if source.info.classes else None
        archive.writestr(zipfile.ZipInfo(LABELS, EPOCH), json.dumps({"labels": given}))
    return len(chosen)


def _encoded(source: ImageSource, chosen: Sequence[int], workers: int) -> Iterator[bytes]:
    """PNG files of the images, in order."""
    with ThreadPoolExecutor(workers, thread_name_prefix="encode") as pool:
        for begin in range(0, len(chosen), AHEAD):
            yield from pool.map(lambda index: _png(source.image(index)), chosen[begin : begin + AHEAD])


def _png(pixels: np.ndarray) -> bytes:
    array = pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format="PNG", compress_level=0, optimize=False)
    return buffer.getvalue()
