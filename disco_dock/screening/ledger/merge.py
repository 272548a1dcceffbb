"""Merging the stores of shards into one, or saving what a damaged one still holds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from disco_dock.screening.ledger.coordinates import unpack
from disco_dock.screening.ledger.errors import DamagedStoreError, StoreError, store_errors
from disco_dock.screening.ledger.identity import StoreIdentity
from disco_dock.screening.ledger.lock import is_running
from disco_dock.screening.ledger.schema import ADDED_COLUMNS, OLDER_VERSION, STORED_POSE_COLUMNS
from disco_dock.screening.ledger.store import LibraryState, Store, connect, store_version
from disco_dock.screening.ledger.values import check_values, is_sound

BLOCK = 64  # rows that are read together while nothing is damaged
LEAST_ROW_BYTES = 16  # a row has 23 columns, most of them not empty
COPIED: tuple[str, ...] = (
    "position",
    "name",
    "smiles",
    "heavy_atoms",
    "status",
    "error_code",
    "message",
    "hint",
    "attempts",
    "state",
    "states",
    "num_poses",
    "poses_meeting",
    "converged",
    "seconds_conformer",
    "seconds_docking",
    "seconds_physics",
    "seconds_total",
    "finished",
    "digest",
)
RESULT = COPIED[COPIED.index("status") :]  # what moves from a duplicate to the ligand that it repeats
WORTH = {"docked": 3, "failed": 2, "duplicate": 1, "pending": 1}


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeReport:
    """Result of a merge.

    Attributes:
        rows: of the new store.
        lost: rows that could not be read, or whose poses could not.
        notes: what a user should know, one sentence each.
    """

    rows: int
    lost: int
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Source:
    """An open store to take rows from; `libraries` by their ids in it, `older` one without `ADDED_COLUMNS`."""

    path: Path
    connection: sqlite3.Connection
    older: bool
    identity: StoreIdentity
    meta: dict[str, str]
    libraries: dict[int, tuple[str, LibraryState]]


def merge(out: Path, paths: Sequence[Path]) -> MergeReport:
    """Write a new store with the rows of others, which may be of `OLDER_VERSION`.

    The result is that of a run without shards: rows in the order of the libraries, and of the same molecule in several
    stores the first one has the poses. Damaged rows are skipped; a screen on the new store docks them again.

    Args:
        out: file that does not exist; complete or absent.
        paths: stores of the same protein, checkpoint and settings.

    Raises:
        InputError: there is no such file.
        StoreError: stores do not belong together, or nothing of one can be read.
    """
    if out.exists():
        raise StoreError(f"{out}: exists already; give a new name to merge into")
    partial = out.with_name(f".{out.name}.merging")
    for path in (partial, Path(f"{partial}-wal"), Path(f"{partial}-shm")):
        path.unlink(missing_ok=True)
    sources: list[_Source] = []
    try:
        for path in paths:
            sources.append(_open(path))
        identity, notes = _joined_identity(sources)
        with Store.create(partial, identity, sources[0].meta) as store:
            names = _join_libraries(store, sources)
            lost = _stage(store, sources, names)
            rows = _insert(store)
    finally:
        for source in sources:
            source.connection.close()
    partial.rename(out)
    if lost:
        notes.append(f"{lost} rows or their poses could not be read; run the same screen on {out} to dock them again")
    return MergeReport(rows=rows, lost=lost, notes=tuple(notes))


def _open(path: Path) -> _Source:
    """A store with its identity, on which no run is writing."""
    if is_running(path):
        raise StoreError(f"{path}: a disco-dock screen is running on it; wait until it ends")
    try:
        connection = connect(path, write=False, older=True)
        with store_errors(path):
            older = store_version(connection) == OLDER_VERSION
            meta = dict(connection.execute("SELECT key, value FROM meta"))
            rows = connection.execute("SELECT id, name, records, digest, complete FROM library ORDER BY id").fetchall()
        for row in rows:
            check_values(path, ("id", "name", "records", "library_digest", "complete"), row)
        for row in meta.items():
            check_values(path, ("name", "message"), row)
        identity = StoreIdentity.from_json(meta.pop("identity"))
    except (DamagedStoreError, KeyError, ValueError) as error:
        raise StoreError(f"{path}: its head cannot be read, so nothing can be saved from it; screen again") from error
    libraries = {
        row[0]: (row[1], LibraryState(id=row[0], records=row[2], digest=row[3], complete=bool(row[4]))) for row in rows
    }
    return _Source(path=path, connection=connection, older=older, identity=identity, meta=meta, libraries=libraries)


def _selected(source: _Source, columns: Sequence[str]) -> str:
    """Columns of a query, empty where the store is too old to have them."""
    return ", ".join("NULL" if source.older and name in ADDED_COLUMNS else name for name in columns)


def _joined_identity(sources: Sequence[_Source]) -> tuple[StoreIdentity, list[str]]:
    """The identity of the new store: one shard of what it was, or all of it."""
    first = sources[0]
    for source in sources[1:]:
        if found := first.identity.differences(source.identity, shard=False):
            raise StoreError(
                f"{source.path}: does not belong to {first.path}, which was made with {' and '.join(found)}; merge "
                "stores of one screen only"
            )
    shards = sorted({source.identity.shard for source in sources})
    if len(shards) == 1:
        return first.identity, []
    counts = {shard.split("/")[1] for shard in shards}
    if len(counts) > 1:
        raise StoreError(f"the stores are shards {', '.join(shards)}, which overlap; merge those of one count only")
    count = int(counts.pop())
    absent = sorted({f"{index}/{count}" for index in range(1, count + 1)} - set(shards))
    note = f"shards {', '.join(absent)} are not here; a screen on the new store without --shard docks their ligands"
    return replace(first.identity, shard="1/1"), [note] if absent else []


def _join_libraries(store: Store, sources: Sequence[_Source]) -> dict[str, int]:
    """Enter each library as far as any store has read it; returns the new ids by name."""
    furthest: dict[str, tuple[Path, LibraryState]] = {}
    for source in sources:
        for name, state in source.libraries.values():
            known = furthest.get(name)
            if known is not None and known[1].records == state.records and known[1].digest != state.digest:
                raise StoreError(
                    f"{source.path} and {known[0]} have read different files named {name}; screen one of them again"
                )
            if known is None or state.records > known[1].records or (state.complete and not known[1].complete):
                furthest[name] = (source.path, state)
    ids = {}
    for name, (_, state) in furthest.items():
        ids[name] = store.library(name, "").id
        store.add((), replace(state, id=ids[name]))
    return ids


def _stage(store: Store, sources: Sequence[_Source], names: dict[str, int]) -> int:
    """Copy all that can be read to a temporary database on disk, to be sorted there; returns how much could not."""
    lost = 0
    insert = "INSERT INTO staged.incoming VALUES (?, ?, ?, ?, ?, ?)"
    store.attach_temporary("staged")
    with store.transaction() as run:
        run.execute(
            "CREATE TABLE staged.incoming (library INTEGER, position INTEGER, worth INTEGER, data TEXT, poses TEXT, "
            "coordinates BLOB)"
        )
        for source in sources:
            for row in _readable(source):
                if row is None:
                    lost += 1
                    continue
                name, _ = source.libraries[row["library"]]
                poses, coordinates = _poses(source, row) if row["status"] == "docked" else ([], None)
                if row["status"] == "docked" and coordinates is None:
                    lost += 1
                    row = {**row, "status": "pending", **dict.fromkeys(RESULT[RESULT.index("state") :])}
                data = json.dumps([_plain(row[key]) for key in COPIED])
                worth = WORTH[row["status"]]
                run.execute(insert, (names[name], row["position"], worth, data, json.dumps(poses), coordinates))
        run.execute("CREATE INDEX staged.place ON incoming (library, position, worth)")
    return lost


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _readable(source: _Source) -> Iterator[dict[str, Any] | None]:
    """Rows of a store in the order of their ids, None for each that is known to exist and cannot be read."""
    columns = ("id", "library", *COPIED)
    find = f"SELECT {_selected(source, columns)} FROM ligand WHERE id BETWEEN ? AND ? ORDER BY id"
    with store_errors(source.path):
        largest = source.connection.execute("SELECT max(id) FROM ligand").fetchone()[0] or 0
    last = min(largest, source.path.stat().st_size // LEAST_ROW_BYTES)  # ids count from 1 without gaps
    if last < largest:
        yield None
    for start in range(1, last + 1, BLOCK):
        try:
            rows = source.connection.execute(find, (start, min(start + BLOCK - 1, last))).fetchall()
        except sqlite3.DatabaseError:
            rows = []
            for at in range(start, min(start + BLOCK, last + 1)):
                try:
                    rows.extend(source.connection.execute(find, (at, at)).fetchall())
                except sqlite3.DatabaseError:
                    yield None
        for row in rows:
            found = dict(zip(columns, row, strict=True))
            yield found if _is_sound(source, found) else None


def _is_sound(source: _Source, row: dict[str, Any]) -> bool:
    """Whether a row is one that a screen could have written."""
    return (
        row["library"] in source.libraries
        and all(is_sound(column, row[column]) for column in COPIED)
        and (row["status"] == "failed") == (row["error_code"] is not None)
        and (row["smiles"] is not None or row["status"] in ("failed", "duplicate"))
    )


def _poses(source: _Source, row: dict[str, Any]) -> tuple[list[tuple], bytes | None]:
    """Poses of a docked ligand and their coordinates; none when they cannot be read whole."""
    try:
        find = f"SELECT {_selected(source, STORED_POSE_COLUMNS)} FROM pose WHERE ligand = ? ORDER BY rank"
        poses = source.connection.execute(find, (row["id"],)).fetchall()
        data = source.connection.execute("SELECT data FROM coordinates WHERE ligand = ?", (row["id"],)).fetchone()
        if not poses or data is None:
            return [], None
        for pose in poses:
            check_values(source.path, STORED_POSE_COLUMNS, pose)
        check_values(source.path, ("data",), data)
        unpack(data[0], len(poses), row["heavy_atoms"])
    except (sqlite3.DatabaseError, DamagedStoreError, ValueError):
        return [], None
    return poses, data[0]


def _insert(store: Store) -> int:
    """Enter the staged rows in the order of libraries and positions; returns how many."""
    count = 0
    with store.transaction() as run:
        staged = run.execute("SELECT * FROM staged.incoming ORDER BY library, position, worth DESC")
        for (library, _), same in groupby(staged, key=lambda row: (row[0], row[1])):
            _, _, _, data, poses, coordinates = next(same)  # of several rows for one record the best
            values = dict(zip(COPIED, json.loads(data), strict=True))
            if values["digest"] is not None:
                values["digest"] = bytes.fromhex(values["digest"])
            _insert_row(run, library, values, json.loads(poses), coordinates)
            count += 1
    return count


def _insert_row(
    run: sqlite3.Connection, library: int, values: dict[str, Any], poses: list[list], coordinates: bytes | None
) -> None:
    """Enter a row; a molecule that has a row already becomes a duplicate, and gives that row its result."""
    first = None
    if values["smiles"] is not None:
        find = "SELECT id, status FROM ligand WHERE smiles = ? AND duplicate_of IS NULL"
        first = run.execute(find, (values["smiles"],)).fetchone()
    result = {key: values[key] for key in RESULT}
    if first is not None:
        values = {**values, **dict.fromkeys(RESULT), "status": "duplicate", "attempts": 0}
    elif values["status"] == "duplicate":  # what it repeats could not be read
        values["status"] = "pending"
    names = ("library", "duplicate_of", *COPIED)
    row = (library, first[0] if first else None, *(values[key] for key in COPIED))
    insert = f"INSERT INTO ligand ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    own = run.execute(insert, row).lastrowid
    if first is not None:
        if WORTH[result["status"]] <= WORTH[first[1]]:
            return
        own = first[0]
        update = f"UPDATE ligand SET {', '.join(f'{key} = ?' for key in RESULT)} WHERE id = ?"
        run.execute(update, (*(result[key] for key in RESULT), own))
    places = ", ".join("?" * (1 + len(STORED_POSE_COLUMNS)))
    run.executemany(
        f"INSERT INTO pose (ligand, {', '.join(STORED_POSE_COLUMNS)}) VALUES ({places})", [(own, *p) for p in poses]
    )
    if coordinates is not None:
        run.execute("INSERT INTO coordinates VALUES (?, ?)", (own, coordinates))
