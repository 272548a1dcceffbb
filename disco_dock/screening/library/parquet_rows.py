"""Rows of a Parquet library, a batch of them in memory, within the limits of a text file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from disco_dock.runtime.errors import InputError
from disco_dock.runtime.user_files import MAX_LINE_BYTES, MIB, Expansion, open_regular
from disco_dock.screening.library.parquet_pages import PageError, check_footer, largest_page

if TYPE_CHECKING:
    from pyarrow import Array, DataType
    from pyarrow.parquet import ColumnChunkMetaData, ParquetFile

MAX_PAGE_BYTES = 64 * MIB
"""Largest page of a column, decompressed; writers make pages of about 1 MiB."""

BATCH_ROWS, BATCH_BYTES = 1024, 64 * MIB
"""Rows in memory: so few that they fit if each were as long as the largest page, as an encoding can make them."""

READ_BUFFER = 1 * MIB
MAX_LIST = 200_000  # columns, or groups of rows

Choose = Callable[[Sequence[str]], tuple[int, int | None]]
"""From the header to the places of the SMILES and the name."""


def parquet_rows(path: Path, choose: Choose) -> Iterator[tuple[str, str]]:
    """SMILES and name of each row.

    Raises:
        InputError: pyarrow is absent, or the file is damaged, lacks a column of text or is beyond the limits.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise InputError(f"{path}: Parquet needs pyarrow; pip install 'disco-dock[parquet]'") from error
    try:
        with open_regular(path) as file:
            yield from _rows(path, file, choose)
    except (PageError, pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({str(error)[:200]}); write it again") from error


def _rows(path: Path, file: BinaryIO, choose: Choose) -> Iterator[tuple[str, str]]:
    from pyarrow.parquet import ParquetFile

    check_footer(file)
    table = ParquetFile(file, pre_buffer=False, buffer_size=READ_BUFFER, thrift_container_size_limit=MAX_LIST)
    header = list(table.schema_arrow.names)
    wanted = [place for place in choose(header) if place is not None]
    names = [header[place] for place in wanted]
    leaves = [_leaf(path, table, place, text_only=number == 0) for number, place in enumerate(wanted)]
    expansion = Expansion(path, os.fstat(file.fileno()).st_size)
    for group in range(table.metadata.num_row_groups):
        facts = table.metadata.row_group(group)
        page = max(_largest_page(path, file, facts.column(leaf)) for leaf in leaves) if facts.num_rows else 0
        size = max(1, min(BATCH_ROWS, BATCH_BYTES // max(1, page)))
        for batch in table.iter_batches(batch_size=size, row_groups=[group], columns=names, use_threads=False):
            cells = [_cells(path, batch.column(name), expansion) for name in names]
            yield from zip(cells[0], cells[1] if len(cells) > 1 else [""] * batch.num_rows, strict=True)


def _leaf(path: Path, table: ParquetFile, place: int, *, text_only: bool) -> int:
    """Number of the column among those that the file stores.

    Raises:
        InputError: it does not hold text, or for a name whole numbers; or the name means several columns.
    """
    field = table.schema_arrow.field(place)
    if not _is_usable(field.type, text_only):
        kinds = "text" if text_only else "text or numbers"
        raise InputError(f"{path}: column {field.name!r} holds {field.type}, expected {kinds}; name another column")
    paths = [table.metadata.schema.column(leaf).path for leaf in range(table.metadata.num_columns)]
    leaves = [leaf for leaf, path in enumerate(paths) if path == field.name or path.startswith(f"{field.name}.")]
    if len(leaves) != 1:
        raise InputError(f"{path}: {len(leaves)} columns are called {field.name!r}; give one of them another name")
    return leaves[0]


def _is_usable(kind: DataType, text_only: bool) -> bool:
    from pyarrow import types

    text = types.is_string(kind) or types.is_large_string(kind)
    return text or (not text_only and (types.is_integer(kind) or types.is_floating(kind)))


def _largest_page(path: Path, file: BinaryIO, chunk: ColumnChunkMetaData) -> int:
    """Bytes of the largest page of a column in a group of rows, decompressed.

    Raises:
        InputError: it is beyond `MAX_PAGE_BYTES`.
    """
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < start:
        start = chunk.dictionary_page_offset
    found = largest_page(file, start, chunk.total_compressed_size)
    if found > MAX_PAGE_BYTES:
        raise InputError(
            f"{path}: column {chunk.path_in_schema!r} has a page of {found / MIB:.0f} MiB when decompressed, more than "
            f"the {MAX_PAGE_BYTES // MIB} that are read; write the file with smaller pages"
        )
    return found


def _cells(path: Path, column: Array, expansion: Expansion) -> Iterator[str]:
    """A column as text; bytes that are not UTF-8 become U+FFFD."""
    from pyarrow import types

    is_text = types.is_string(column.type) or types.is_large_string(column.type)
    for value in column:
        if is_text:
            data = value.as_buffer()
            text = "" if data is None else _text(path, data)
        else:
            text = "" if not value.is_valid else str(value.as_py())
        expansion.add(len(text) + 1)
        yield text


def _text(path: Path, data: Any) -> str:
    if data.size > MAX_LINE_BYTES:
        raise InputError(
            f"{path}: holds a text of more than {MAX_LINE_BYTES // MIB} MiB, as no molecule has; check what the file is"
        )
    return data.to_pybytes().decode("utf-8", errors="replace")
