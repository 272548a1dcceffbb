"""Files that a user names, read within limits: regular files only, of a bounded size, also when compressed.

A gzip file of a few kilobytes can hold gigabytes, a device never ends, and a named pipe waits for ever: each is refused
in one sentence. A file that cannot be opened raises OSError, a damaged gzip file EOFError or zlib.error; the caller
says what the file is for.
"""

from __future__ import annotations

import gzip
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from disco_dock.runtime.errors import InputError

MIB = 1 << 20
MAX_FILE_BYTES = 200 * MIB
"""Most bytes of a file that is read as a whole, after decompression."""

MAX_LINE_BYTES = 1 * MIB
"""Longest line of a text file; the formats read here stay below some thousand characters."""

MAX_EXPANSION, FREE_EXPANSION = 200, 16 * MIB
"""A streamed gzip or Parquet file may expand to 16 MiB or 200 times its size; molecules compress about tenfold."""

MAX_NAME_BYTES = 200
"""Longest file name made of a text; file systems take 255 bytes with the suffix."""
_GZIP = b"\x1f\x8b"


def is_file_name(text: str) -> bool:
    """Whether a text is a plain file name that cannot point outside its folder."""
    return (
        0 < len(text.encode(errors="replace")) <= MAX_NAME_BYTES
        and text not in (".", "..")
        and not set(text) & set("/\\\0")
    )


def open_regular(path: Path) -> BinaryIO:
    """A regular file, opened for reading without waiting for anything.

    Raises:
        InputError: a folder, device or named pipe is there.
        OSError: it cannot be opened.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        what = "a folder" if stat.S_ISDIR(mode) else "a pipe or device"
        raise InputError(f"{path}: is {what}, expected a file; name a file on a disk")
    return os.fdopen(handle, "rb")


def decompressed(file: BinaryIO, limit: int) -> bytes:
    """The content of an open file, unpacked when it is gzipped; one byte more than `limit` tells that there is more.

    Raises:
        OSError, EOFError, zlib.error: it cannot be read or decompressed.
    """
    if not _is_gzip(file):
        return file.read(limit + 1)
    with gzip.open(file, "rb") as stream:
        return stream.read(limit + 1)


def _is_gzip(file: BinaryIO) -> bool:
    """Whether a file begins like one of gzip; it is left at its beginning."""
    zipped = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    return zipped


def read_bytes(path: Path, *, limit: int = MAX_FILE_BYTES) -> bytes:
    """The content of a plain or gzipped file.

    Args:
        path: the file.
        limit: most bytes, after decompression.

    Raises:
        InputError: it is no regular file, or larger than the limit.
        OSError, EOFError, zlib.error: it cannot be opened or decompressed.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise InputError(f"{path}: is larger than {limit / MIB:g} MiB, the most that is read; give a smaller file")
        data = decompressed(file, limit)
    if len(data) > limit:
        raise InputError(
            f"{path}: holds more than {limit / MIB:g} MiB when decompressed, the most that is read; give a smaller file"
        )
    return data


def read_text(path: Path, *, limit: int = MAX_FILE_BYTES) -> str:
    """The content of a UTF-8 text file, plain or gzipped, without a byte-order mark.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
        InputError, OSError, EOFError, zlib.error: as `read_bytes`.
    """
    return read_bytes(path, limit=limit).decode("utf-8-sig")


def check_lines(path: Path, data: bytes) -> None:
    """Raise InputError when a line of the content of a file is longer than `MAX_LINE_BYTES`."""
    start = 0
    while len(data) - start > MAX_LINE_BYTES:
        end = data.rfind(b"\n", start, start + MAX_LINE_BYTES + 1)
        if end < 0:
            raise _too_long(path, data.count(b"\n", 0, start) + 1)
        start = end + 1


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a plain or gzipped file of any size, with line ends; one is held at a time.

    Raises:
        InputError: no regular file, a line longer than `MAX_LINE_BYTES`, or a gzip file that expands beyond measure.
        OSError, EOFError, zlib.error: it cannot be opened or decompressed.
    """
    with open_regular(path) as file:
        if not _is_gzip(file):
            yield from _bounded_lines(path, file, None)
            return
        expansion = Expansion(path, os.fstat(file.fileno()).st_size)
        with gzip.open(file, "rb") as stream:
            yield from _bounded_lines(path, stream, expansion)


def _bounded_lines(path: Path, stream: BinaryIO | gzip.GzipFile, expansion: Expansion | None) -> Iterator[bytes]:
    """Lines of a stream."""
    for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE_BYTES + 1), b""), start=1):
        if len(line) > MAX_LINE_BYTES:
            raise _too_long(path, number)
        if expansion is not None:
            expansion.add(len(line))
        yield line


class Expansion:
    """Counts the bytes that come out of a compressed file."""

    def __init__(self, path: Path, size: int) -> None:
        """Of a file of `size` bytes."""
        self._path, self._left = path, max(FREE_EXPANSION, MAX_EXPANSION * size)

    def add(self, count: int) -> None:
        """Count more bytes; InputError when they become more than a file of molecules can hold."""
        self._left -= count
        if self._left < 0:
            raise InputError(
                f"{self._path}: expands to more than {MAX_EXPANSION} times its size, as no file of molecules does; "
                "write it again uncompressed if it is one"
            )


def _too_long(path: Path, number: int) -> InputError:
    return InputError(
        f"{path}: line {number} is longer than {MAX_LINE_BYTES // MIB} MiB, as in no text file of this kind; check "
        "what the file is"
    )


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is not JSON, holds NaN or Infinity, which JSON has not, or is nested too deeply.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
