"""Files that a user names, read within limits: regular files only, of a bounded size, also when compressed.

A gzip file of a few kilobytes can hold gigabytes, a device never ends, and a named pipe waits for ever; each is refused
in one sentence. What cannot be opened raises OSError, what is no complete gzip file EOFError or zlib.error, so that
the callers can say what the file is for.
"""

from __future__ import annotations

import gzip
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from disco_dock.runtime.errors import InputError

MIB = 1 << 20
MAX_FILE_BYTES = 200 * MIB
"""Most bytes of a file that is read as a whole, after decompression."""

MAX_LINE_BYTES = 1 * MIB
"""Longest line of a text file; no format that is read here has lines of more than some thousand characters."""

MAX_EXPANSION, FREE_EXPANSION = 200, 16 * MIB
"""A gzip file that is read line by line may hold 16 MiB, or 200 times its own size; molecules shrink about tenfold."""

MAX_NAME_BYTES = 200
"""Longest file name made of a text; file systems take 255 bytes with the suffix."""
_GZIP = b"\x1f\x8b"


def is_file_name(text: str) -> bool:
    """Whether a text can be the name of a file inside a folder, and of none elsewhere."""
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
        zipped = file.read(2) == _GZIP
        file.seek(0)
        if not zipped:
            return file.read(limit)
        with gzip.open(file, "rb") as stream:
            data = cast("bytes", stream.read(limit + 1))
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
    """The lines of a plain or gzipped file with their ends, however large it is; never more than one is held.

    Raises:
        InputError: no regular file, a line longer than `MAX_LINE_BYTES`, or a gzip file that expands beyond measure.
        OSError, EOFError, zlib.error: it cannot be opened or decompressed.
    """
    with open_regular(path) as file:
        zipped = file.read(2) == _GZIP
        file.seek(0)
        if not zipped:
            yield from _bounded_lines(path, file, None)
            return
        allowed = max(FREE_EXPANSION, MAX_EXPANSION * os.fstat(file.fileno()).st_size)
        with gzip.open(file, "rb") as stream:
            yield from _bounded_lines(path, stream, allowed)


def _bounded_lines(path: Path, stream: BinaryIO | gzip.GzipFile, allowed: int | None) -> Iterator[bytes]:
    """Lines of a stream that may hold `allowed` bytes altogether."""
    total = 0
    for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE_BYTES + 1), b""), start=1):
        if len(line) > MAX_LINE_BYTES:
            raise _too_long(path, number)
        total += len(line)
        if allowed is not None and total > allowed:
            raise InputError(
                f"{path}: expands to more than {MAX_EXPANSION} times its size, as no file of molecules does; "
                "decompress it first if it is one"
            )
        yield line


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
