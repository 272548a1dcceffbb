"""Parquet libraries: written in every way, with wrong types, and with edits of the footer and the headers of pages."""

from __future__ import annotations

import io
from functools import lru_cache
from random import Random
from typing import Any

import pyarrow
from pyarrow import parquet

from tests.fuzz.edits import Edit, flip_bits, insert_noise, truncate
from tests.fuzz.tables import LIGANDS, NAMES
from tests.support.screening import amide

ODD_COLUMNS: tuple[tuple[str, Any], ...] = (
    *(("smiles", pyarrow.array([b"CCO", b"\xff"])), ("smiles", pyarrow.array([1, 2])), ("smiles", pyarrow.nulls(2))),
    *(("smiles", pyarrow.array([["CCO"], None])), ("smiles", pyarrow.array([{"x": "C"}, None]))),
    *(("smiles", pyarrow.array(["CCO", "CCN"]).dictionary_encode()), ("other", pyarrow.array(["CCO", "CCN"]))),
    *(("smiles", pyarrow.array(["CCO", "CCN"], pyarrow.large_string())), ("smiles", pyarrow.array([None, "CCN"]))),
    ("smiles", pyarrow.Array.from_buffers(pyarrow.string(), 2, pyarrow.array([b"\xff\xfe", b"C\xc3"]).buffers())),
    *(("id", pyarrow.array([1.5, None])), ("id", pyarrow.array([2**62, -1])), ("id", pyarrow.array([b"a", b"\xff"]))),
    *(("id", pyarrow.array([[1], [2]])), ("id", pyarrow.array([True, None])), ("id", pyarrow.nulls(2))),
    ("id", pyarrow.array([2**60, -(2**60)], pyarrow.timestamp("ms"))),
    ("smiles", pyarrow.array(["C" * 2_000_000, "CCN"])),
    ("a.b", pyarrow.array(["x", "y"])),
)
"""Columns of two rows."""


def written(columns: list[tuple[str, Any]], rng: Random) -> bytes:
    """A table of columns as Parquet, in one of the ways in which writers do it."""
    table = pyarrow.Table.from_arrays([values for _, values in columns], names=[name for name, _ in columns])
    target = io.BytesIO()
    parquet.write_table(
        table,
        target,
        row_group_size=rng.choice((1, 3, 100)),
        data_page_size=rng.choice((1, 64, 1 << 20)),
        compression=rng.choice(("none", "snappy", "gzip", "zstd", "brotli", "lz4")),
        use_dictionary=rng.random() < 0.5,
        data_page_version=rng.choice(("1.0", "2.0")),
        write_statistics=rng.random() < 0.5,
        write_page_index=rng.random() < 0.3,
        write_page_checksum=rng.random() < 0.3,
        store_schema=rng.random() < 0.7,
    )
    return target.getvalue()


@lru_cache(maxsize=1)
def parquet_seeds() -> tuple[bytes, ...]:
    """Sound libraries of 20 molecules."""
    smiles, names = [amide(number) for number in range(20)], [f"mol{number}" for number in range(20)]
    columns = [("ID", pyarrow.array(names)), ("weight", pyarrow.array([1.5] * 20)), ("smiles", pyarrow.array(smiles))]
    return tuple(written(columns, Random(number)) for number in range(12))


def odd_library(rng: Random) -> bytes:
    """A library with columns of other types, or with odd texts."""
    if rng.random() < 0.4:
        count = rng.randint(0, 30)
        texts = [rng.choice(("CCO", "CCN", None, *LIGANDS)) for _ in range(count)]
        names = [rng.choice((None, *NAMES)) for _ in range(count)]
        columns = [("name", pyarrow.array(names, pyarrow.string())), ("SMILES", pyarrow.array(texts, pyarrow.string()))]
        return written(columns, rng)
    sound = [("smiles", pyarrow.array(["CCO", "CCF"])), ("id", pyarrow.array(["a", "b"]))]
    odd = rng.choice(ODD_COLUMNS)
    kept = [column for column in sound if column[0] != odd[0] or rng.random() < 0.1]
    return written(rng.choice(([*kept, odd], [odd, *kept])), rng)


def footer_byte(data: bytes, rng: Random) -> bytes:
    """Bytes of the footer replaced, or its length."""
    length = int.from_bytes(data[-8:-4], "little")
    start = max(0, len(data) - 8 - rng.randint(0, min(length, len(data))))
    if rng.random() < 0.15:
        start = max(0, len(data) - 8)
    value = rng.choice((b"\x00", b"\x7f", b"\xff", b"\xff\xff\xff\xff\x0f", b"\xff" * 9 + b"\x01", rng.randbytes(1)))
    return data[:start] + value + data[start + len(value) :]


def page_byte(data: bytes, rng: Random) -> bytes:
    """Bytes near a page's header replaced; headers begin with the type of the page."""
    starts = [at for at in range(4, len(data)) if data[at : at + 2] in (b"\x15\x00", b"\x15\x04", b"\x15\x06")]
    start = rng.choice(starts or [4]) + rng.randrange(40)
    value = rng.choice((b"\x00", b"\x7f", b"\xff", b"\xff\xff\xff\xff\x0f", rng.randbytes(1), b"\x19\xf9\xff\xff\x03"))
    return data[:start] + value + data[start + len(value) :]


PARQUET_EDITS: tuple[Edit, ...] = (footer_byte, footer_byte, page_byte)
BYTES: tuple[Edit, ...] = (flip_bits, flip_bits, truncate, insert_noise)
