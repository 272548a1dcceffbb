"""Tables and records as text, written atomically: CSV cells, JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from disco_dock.runtime.files import atomic_write

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Characters that begin a formula in a spreadsheet."""


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """CSV of some columns; None is an empty cell, True and False are "true" and "false".

    A text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_plain(row[column]) for column in columns] for row in rows)
    return buffer.getvalue()


def _plain(value: Any) -> str:
    text = cell_text(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text


def cell_text(value: Any) -> str:
    """A table value as text: None is empty, True and False are "true" and "false"."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically; bytes of a file's name that are not UTF-8 are written as escapes."""
    with atomic_write(path) as file:
        file.write(text.encode("utf-8", errors="backslashreplace"))


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write JSON atomically."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
