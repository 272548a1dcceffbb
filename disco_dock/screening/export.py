"""Results as CSV, SDF or Parquet, one ligand at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from disco_dock.chem.write_sdf import PoseRecord, sdf_text
from disco_dock.runtime.errors import ConfigError, InputError, one_line
from disco_dock.runtime.files import atomic_write
from disco_dock.runtime.tables import cell_text
from disco_dock.screening.ledger.errors import damaged
from disco_dock.screening.ledger.query import SHOWN_COLUMNS, Query, Results
from disco_dock.screening.ledger.schema import TEXT, WHOLE
from disco_dock.screening.library.entries import canonical_ligand

BATCH = 4096  # rows of a Parquet file in memory
MAX_TAG = 10_000  # longest SMILES, in characters


def export(results: Results, query: Query, path: Path, *, poses: int = 1) -> int:
    """Write ligands to a file whose suffix names the format; returns how many.

    Args:
        results: an open store.
        query: which ligands.
        path: .csv, .sdf or .parquet; complete or untouched.
        poses: of each ligand in an SDF.

    Raises:
        ConfigError: the suffix is none of these.
        OSError: the file cannot be written.
    """
    rows = results.rows(query)
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _write_csv(rows, path)
    if suffix == ".sdf":
        return _write_sdf(results, rows, path, poses)
    if suffix in (".parquet", ".pq"):
        return _write_parquet(rows, path)
    raise ConfigError(f"{path}: results are written as .csv, .sdf or .parquet; choose one of these")


def _rounded(column: str, value: Any) -> Any:
    return round(value, 4) if column == "ligand_efficiency" and value is not None else value


def _write_csv(rows: Iterable[dict[str, Any]], path: Path) -> int:
    count = 0
    with atomic_write(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(SHOWN_COLUMNS)
        for row in rows:
            writer.writerow([cell_text(_rounded(column, row[column])) for column in SHOWN_COLUMNS])
            count += 1
        text.detach()
    return count


def _write_sdf(results: Results, rows: Iterable[dict[str, Any]], path: Path, poses: int) -> int:
    """Poses with hydrogens; atoms are in the order of the SMILES, that of the docked state where there are several."""
    count = 0
    with atomic_write(path) as file:
        for row in rows:
            found = results.poses(row, poses)
            if not found:
                continue
            shared = {name: row[name] for name in ("library", "position", "smiles", "state", "ligand_efficiency")}
            shared["ligand_efficiency"] = _rounded("ligand_efficiency", shared["ligand_efficiency"])
            records = [PoseRecord(pos=pose.pos, tags=_tags({**shared, **pose.columns})) for pose in found]
            try:
                ligand = canonical_ligand(row["state"] or row["smiles"] or "", row["name"])
                file.write(sdf_text(ligand, records).encode("utf-8"))
            except (InputError, ValueError) as error:  # the docked molecule had this many atoms
                raise damaged(results.path, f"molecule of {row['name']}: {error}") from error
            count += 1
    return count


def _tags(values: dict[str, Any]) -> dict[str, str]:
    """Tags, each on one line; four dollar signs (a library's name may hold them) would end the record."""
    lines = {name: one_line(cell_text(value), MAX_TAG) for name, value in values.items() if value is not None}
    return {name: line.replace("$$$$", "$") for name, line in lines.items()}


def _write_parquet(rows: Iterator[dict[str, Any]], path: Path) -> int:
    try:
        import pyarrow
        from pyarrow.parquet import ParquetWriter
    except ImportError as error:
        raise InputError(f"{path}: Parquet needs pyarrow; pip install 'disco-dock[parquet]'") from error
    schema = pyarrow.schema(
        [
            (name, pyarrow.string() if name in TEXT else pyarrow.int64() if name in WHOLE else pyarrow.float64())
            for name in SHOWN_COLUMNS
        ]
    )
    count = 0
    with atomic_write(path) as file, ParquetWriter(file, schema) as writer:
        while batch := list(islice(rows, BATCH)):
            columns = {name: [_rounded(name, row[name]) for row in batch] for name in SHOWN_COLUMNS}
            writer.write_table(pyarrow.table(columns, schema=schema))
            count += len(batch)
    return count
