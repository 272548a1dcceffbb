"""Libraries of 50 MB in one piece, and bombs: `python -m tests.fuzz.large` reads each and prints a table."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow
from pyarrow import parquet

from disco_dock.runtime.errors import DiscoError
from disco_dock.screening.library.library import read_library
from tests.fuzz.worker import forget_peak, peak_mib

MIB = 1 << 20
SIZE = 50 * MIB
HEAD = b"smiles,name\n"


def _bomb(block: bytes, head: bytes, mebibytes: int = 2048) -> bytes:
    """A gzip file of one MiB of `block` again and again."""
    return gzip.compress(head) + gzip.compress(block * (MIB // len(block)), 9) * mebibytes


def _same(text: str, count: int) -> pyarrow.Table:
    """One text in many rows, kept once."""
    rows = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * count, pyarrow.int32()), [text])
    return pyarrow.table({"smiles": rows})


def _parquet(table: Callable[[], pyarrow.Table], **options: object) -> Callable[[Path], None]:
    how = {"compression": "zstd", "write_statistics": False, "store_schema": False, **options}
    return lambda path: parquet.write_table(table(), path, **how)


def _text(data: Callable[[], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data())


PLAIN = {"use_dictionary": False, "data_page_size": 1 << 30}
FILES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "line.csv": ("a line of 50 MB (also TSV, SMILES, SDF)", _text(lambda: HEAD + b"C" * SIZE)),
    "line.tsv": ("", _text(lambda: HEAD.replace(b",", b"\t") + b"C" * SIZE)),
    "line.smi": ("", _text(lambda: b"C" * SIZE)),
    "line.sdf": ("", _text(lambda: b"C" * SIZE)),
    "columns.csv": ("a header of 25 million columns", _text(lambda: b"x," * (SIZE // 2))),
    "quote.csv": ("a quoted cell without an end, 50 MB", _text(lambda: HEAD + b'"' + b"CCO\n" * (SIZE // 4))),
    "row.csv": ("a row of 13 million cells over as many lines", _text(lambda: HEAD + b'"\n",' * (SIZE // 4))),
    "newlines.csv": ("50 million line ends", _text(lambda: HEAD + b"\n" * SIZE)),
    "returns.csv": ("13 million rows that end with CR", _text(lambda: b"smiles\r" + b"CCO\r" * (SIZE // 4))),
    "rows.csv": ("13 million rows", _text(lambda: b"smiles\n" + b"CCO\n" * (SIZE // 4))),
    "zeros.csv.gz": ("gzip bomb of zero bytes", _text(lambda: _bomb(b"\0", HEAD))),
    "newlines.csv.gz": ("gzip bomb of line ends", _text(lambda: _bomb(b"\n", HEAD))),
    "rows.csv.gz": ("gzip bomb of rows, 256 MiB", _text(lambda: _bomb(b"CCO\n", HEAD, 256))),
    "text.parquet": ("a text of 50 MB", _parquet(lambda: pyarrow.table({"smiles": ["C" * SIZE]}))),
    "page.parquet": ("a page of 1 GiB", _parquet(lambda: pyarrow.table({"smiles": ["C" * SIZE] * 20}), **PLAIN)),
    "same.parquet": ("a text of 1 MiB, a million times", _parquet(lambda: _same("C" * MIB, 1_000_000))),
    "delta.parquet": (
        "a text of 40 MiB, 40 times, each by what differs",
        _parquet(lambda: pyarrow.table({"smiles": ["C" * 40 * MIB] * 40}), column_encoding="DELTA_BYTE_ARRAY", **PLAIN),
    ),
    "columns.parquet": (
        "50,000 columns",
        _parquet(lambda: pyarrow.table({**{f"x{number}": ["C"] for number in range(50_000)}, "smiles": ["C"]})),
    ),
    "groups.parquet": (
        "50,000 groups of a row",
        _parquet(lambda: pyarrow.table({"smiles": ["C"] * 50_000}), row_group_size=1),
    ),
    "rows.parquet": (
        "3 million different rows in one group",
        _parquet(
            lambda: pyarrow.table({"smiles": [f"C{number}" for number in range(3_000_000)]}), row_group_size=10**7
        ),
    ),
}
"""What each file holds, empty when as the one before, and how it is written."""


def read(path: Path) -> dict[str, object]:
    """Read a library to its end; seconds of processor time, MiB beyond those of before, records, and the answer."""
    base, begin, count, answer = forget_peak(), time.process_time(), 0, "read"
    try:
        for _ in read_library(path):
            count += 1
    except DiscoError as error:
        answer = str(error).removeprefix(f"{path}: ")
    seconds = time.process_time() - begin
    return {"seconds": seconds, "mib": peak_mib() - base, "records": count, "answer": answer}


def main() -> None:
    """Write each file, or those named, read it in a process of its own, and print a row."""
    if sys.argv[1:2] == ["read"]:
        print(json.dumps(read(Path(sys.argv[2]))))
        return
    print("| file | what it holds | bytes | records | s | MiB | answer |\n| --- | --- | --- | --- | --- | --- | --- |")
    for name in sys.argv[1:] or FILES:
        what, write = FILES[name]
        with TemporaryDirectory() as folder:
            path = Path(folder) / name
            write(path)
            command = [sys.executable, "-m", "tests.fuzz.large", "read", str(path)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            numbers = f"{path.stat().st_size} | {found['records']} | {found['seconds']:.2f} | {found['mib']:.0f}"
            print(f"| `{name}` | {what} | {numbers} | {found['answer']} |", flush=True)


if __name__ == "__main__":
    main()
