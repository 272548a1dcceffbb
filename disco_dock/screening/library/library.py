"""Libraries as streams of records: SMILES, SDF and MOL2 files, CSV and Parquet tables, also gzipped."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from disco_dock.chem.ligands.ligand_files import Record, RecordBlock, read_records, suffix_of, text_lines
from disco_dock.docking.runs.input_files import existing_file
from disco_dock.runtime.errors import ConfigError, InputError
from disco_dock.screening.library.parquet_rows import parquet_rows

SMILES_COLUMNS = ("smiles", "canonical_smiles", "isomeric_smiles", "smi", "ligand_description", "structure")
NAME_COLUMNS = ("name", "id", "title", "compound_id", "molecule_name", "complex_name", "zinc_id", "molecule_chembl_id")
DELIMITERS = {".csv": ",", ".tsv": "\t"}
PARQUET = (".parquet", ".pq")


@dataclass(frozen=True, kw_only=True, slots=True)
class TableColumns:
    """Columns of a table that hold the molecules; None looks for the usual names."""

    smiles: str | None = None
    name: str | None = None


USUAL_COLUMNS = TableColumns()


def read_library(path: Path, columns: TableColumns = USUAL_COLUMNS) -> Iterator[Record]:
    """Every record of a library in order, one at a time, never the whole file in memory.

    Args:
        path: .smi, .sdf, .mol2, .csv, .tsv (each also .gz) or .parquet.
        columns: of a table.

    Raises:
        InputError: the file is absent, of another format, or breaks off; the records before that have been given.
        ConfigError: columns are named for a file that has none.
    """
    existing_file(path)
    suffix = suffix_of(path)
    if suffix in DELIMITERS:
        return _table_records(_csv_rows(path, DELIMITERS[suffix], columns))
    if suffix in PARQUET:
        return _table_records(parquet_rows(path, partial(choose_columns, path, columns=columns)))
    if columns != USUAL_COLUMNS:
        raise ConfigError(f"{path}: only tables have columns; leave out --smiles-column and --name-column")
    return read_records(path)


def update_digest(digest: hashlib._Hash, record: Record) -> None:
    """Add what a record says to the hash of the records before it."""
    digest.update("\0".join((record.kind, record.name, record.text, "")).encode("utf-8", errors="surrogatepass"))


def _table_records(rows: Iterable[tuple[str, str]]) -> Iterator[Record]:
    """Records of rows of (SMILES, name)."""
    for number, (smiles, name) in enumerate(rows):
        yield Record("smi", number, name.strip(), smiles.strip())


def _csv_rows(path: Path, delimiter: str, columns: TableColumns) -> Iterator[tuple[str, str]]:
    """SMILES and name of the rows of a table with a header, without blank lines."""
    block = RecordBlock(path)
    reader = csv.reader(_csv_lines(path, block), delimiter=delimiter)
    number = 0
    try:
        chosen = choose_columns(path, next(reader, []), columns)
        block.restart()
        for cells in reader:
            number = reader.line_num
            if cells:
                block.restart()
                smiles, name = (cells[at] if at is not None and at < len(cells) else "" for at in chosen)
                yield smiles, name
    except csv.Error as error:
        raise InputError(f"{path}: not valid CSV after line {number} ({error}); check its quotes") from error


def _csv_lines(path: Path, block: RecordBlock) -> Iterator[str]:
    """Lines of a table with their ends, which are LF, CR LF or CR; each is counted into the row at hand."""
    for number, text in enumerate(text_lines(path)):
        for line in io.StringIO(text if number else text.removeprefix("\ufeff"), newline=""):
            block.add(line, keep=False)
            yield line


def choose_columns(path: Path, header: Sequence[str], columns: TableColumns) -> tuple[int, int | None]:
    """Places of the SMILES and the name in a header; the name may be absent.

    Raises:
        InputError: there is no such column.
    """
    found = {name.strip().lower(): place for place, name in reversed(list(enumerate(header)))}

    def place(asked: str | None, usual: Sequence[str]) -> int | None:
        if asked is not None and asked.strip().lower() not in found:
            raise InputError(
                f"{path}: no column {asked!r} (found {', '.join(header) or 'an empty file'}); name another"
            )
        names = usual if asked is None else (asked.strip().lower(),)
        return next((found[name] for name in names if name in found), None)

    smiles = place(columns.smiles, SMILES_COLUMNS)
    if smiles is None:
        raise InputError(
            f"{path}: no column of SMILES (found {', '.join(header) or 'an empty file'}); name it with --smiles-column"
        )
    return smiles, place(columns.name, NAME_COLUMNS)
