"""Sizes of the pages of a Parquet file before they are decompressed; pyarrow decompresses whatever a page asks for.

A page's header is a Thrift struct in the compact protocol: https://parquet.apache.org/docs/file-format/data-pages/ and
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

import os
from io import BytesIO
from typing import BinaryIO

from disco_dock.runtime.user_files import MIB

MAX_FOOTER_BYTES = 16 * MIB
"""Longest description of the columns; a group of rows takes about 100 bytes for each column."""

MAX_HEADER_BYTES = 64 << 10
"""Longest header of a page; it takes about 50 bytes, more with the smallest and largest value."""

MAX_PAGES = 100_000  # of a column in a group of rows
MAX_SIZE = (1 << 31) - 1  # of a page, as the format has it
MAX_DEPTH = 16  # of values in values; a page's header has 3
TAIL = 8  # bytes at the end of a file: length of the footer, and "PAR1"
UNCOMPRESSED, COMPRESSED = 2, 3  # numbers of two fields of the header
INTEGERS = (4, 5, 6)  # types of the compact protocol, for 16, 32 and 64 bits
FLAGS, BYTE, DOUBLE, BINARY, LISTS, STRUCT = (1, 2), 3, 7, 8, (9, 10), 12


class PageError(Exception):
    """The description of a file or of a page is damaged, or too long."""


def check_footer(file: BinaryIO) -> None:
    """Raise PageError when a file's footer is longer than any that is sensible, before it is parsed."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL))
    length = int.from_bytes(file.read(TAIL)[:4], "little")
    file.seek(0)
    if MAX_FOOTER_BYTES < length <= size:
        raise PageError(f"its footer has {length} bytes, more than {MAX_FOOTER_BYTES}")


def largest_page(file: BinaryIO, start: int, length: int) -> int:
    """Decompressed bytes of the largest page of a column.

    Args:
        file: an open Parquet file.
        start: of the column's first page in it.
        length: of all its pages with their headers, compressed.

    Raises:
        PageError: a header is damaged, or there are too many pages.
    """
    largest, end = 0, start + length
    for _ in range(MAX_PAGES):
        if start >= end:
            return largest
        if not 0 <= start <= os.fstat(file.fileno()).st_size:
            raise PageError("a page outside the file")
        file.seek(start)
        header = BytesIO(file.read(MAX_HEADER_BYTES))
        found = _struct(header, 0)
        uncompressed, compressed = found.get(UNCOMPRESSED, -1), found.get(COMPRESSED, -1)
        if not (0 <= uncompressed <= MAX_SIZE and 0 <= compressed <= MAX_SIZE):
            raise PageError("a page without a possible size")
        largest = max(largest, uncompressed)
        start += header.tell() + compressed
    raise PageError(f"more than {MAX_PAGES} pages of a column in a group of rows")


def _struct(header: BytesIO, depth: int) -> dict[int, int]:
    """The whole numbers of a struct by the numbers of their fields; everything else is passed over."""
    found, field = {}, 0
    while head := _byte(header):
        field = field + (head >> 4) if head >> 4 else _signed(header)
        kind = head & 15
        if kind in INTEGERS:
            found[field] = _signed(header)
        elif kind not in FLAGS:
            _skip(header, kind, depth + 1)
    return found


def _skip(header: BytesIO, kind: int, depth: int) -> None:
    """Pass over a value."""
    if depth > MAX_DEPTH:
        raise PageError("a page's header is nested too deeply")
    if kind in INTEGERS:
        _varint(header)
    elif kind == BYTE or kind in FLAGS:  # a flag takes a byte only in a list
        _byte(header)
    elif kind == DOUBLE:
        _pass(header, 8)
    elif kind == BINARY:
        _pass(header, _varint(header))
    elif kind in LISTS:
        head = _byte(header)
        for _ in range(head >> 4 if head >> 4 < 15 else _varint(header)):
            _skip(header, head & 15, depth + 1)
    elif kind == STRUCT:
        _struct(header, depth)
    else:
        raise PageError(f"a page's header holds a value of the unknown type {kind}")


def _pass(header: BytesIO, count: int) -> None:
    if count > len(header.getbuffer()) - header.tell():
        raise PageError("a page's header breaks off")
    header.seek(count, os.SEEK_CUR)


def _byte(header: BytesIO) -> int:
    found = header.read(1)
    if not found:
        raise PageError("a page's header breaks off")
    return found[0]


def _varint(header: BytesIO) -> int:
    """An unsigned number, seven bits a byte, the lowest first."""
    value = 0
    for shift in range(0, 64, 7):
        byte = _byte(header)
        value |= (byte & 127) << shift
        if byte < 128:
            return value
    raise PageError("a page's header holds a number of more than 64 bits")


def _signed(header: BytesIO) -> int:
    """A signed number: 0, -1, 1, -2 ... as 0, 1, 2, 3 ..."""
    value = _varint(header)
    return value >> 1 ^ -(value & 1)
