"""Libraries as streams of records: SMILES, SDF and MOL2 files, CSV and Parquet tables, also gzipped."""

from __future__ import annotations

import csv
import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from disco_dock.chem.ligand_files import Record, read_records, suffix_of
from disco_dock.pipeline.input_files import existing_file
from disco_dock.runtime.errors import ConfigError, InputError

SMILES_COLUMNS = ("smiles", "canonical_smiles", "isomeric_smiles", "smi", "ligand_description", "structure")
NAME_COLUMNS = ("name", "id", "title", "compound_id", "molecule_name", "complex_name", "zinc_id", "molecule_chembl_id")
DELIMITERS = {".csv": ",", ".tsv": "\t"}
PARQUET = (".parquet", ".pq")
BATCH_ROWS = 1024  # of a Parquet file in memory


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
        return _csv_records(path, DELIMITERS[suffix], columns)
    if suffix in PARQUET:
        return _parquet_records(path, columns)
    if columns != USUAL_COLUMNS:
        raise ConfigError(f"{path}: only tables have columns; leave out --smiles-column and --name-column")
    return read_records(path)


def update_digest(digest: hashlib._Hash, record: Record) -> None:
    """Add what a record says to the hash of the records before it."""
    digest.update("\0".join((record.kind, record.name, record.text, "")).encode("utf-8", errors="surrogatepass"))


def _records(rows: Iterable[Sequence[object]]) -> Iterator[Record]:
    """Records of rows of (SMILES, name)."""
    for number, (smiles, name) in enumerate(rows):
        yield Record("smi", number, _text(name), _text(smiles))


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _csv_records(path: Path, delimiter: str, columns: TableColumns) -> Iterator[Record]:
    """Rows of a table with a header, without blank lines."""

    def rows() -> Iterator[tuple[str, str]]:
        number = 0
        try:
            with open(path, "rb") as raw:
                zipped = raw.read(2) == b"\x1f\x8b"
            opened = gzip.open if zipped else open
            with opened(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as file:
                reader = csv.reader(file, delimiter=delimiter)
                chosen = _choose(path, next(reader, []), columns)
                for cells in reader:
                    number = reader.line_num
                    if cells:
                        smiles, name = (cells[at] if at is not None and at < len(cells) else "" for at in chosen)
                        yield smiles, name
        except csv.Error as error:
            raise InputError(f"{path}: not valid CSV after line {number} ({error}); check its quotes") from error
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError(f"{path}: cannot be read after line {number} ({reason}); check the file") from error

    return _records(rows())


def _parquet_records(path: Path, columns: TableColumns) -> Iterator[Record]:
    """Rows of a Parquet file, a batch of them in memory."""
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise InputError(f"{path}: Parquet needs pyarrow; pip install 'disco-dock[parquet]'") from error

    def rows() -> Iterator[tuple[object, object]]:
        try:
            with ParquetFile(path) as file:
                header = list(file.schema_arrow.names)
                smiles, name = _choose(path, header, columns)
                wanted = [header[smiles]] if name is None else [header[smiles], header[name]]
                for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=wanted):
                    found = batch.to_pydict()
                    names = found[wanted[1]] if name is not None else [""] * batch.num_rows
                    yield from zip(found[wanted[0]], names, strict=True)
        except (pyarrow.ArrowException, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{path}: not a readable Parquet file ({reason}); write it again") from error

    return _records(rows())


def _choose(path: Path, header: Sequence[str], columns: TableColumns) -> tuple[int, int | None]:
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
