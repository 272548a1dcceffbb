"""Status of a store, from the ledger alone: also while a run is on, and after one has died."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from disco_dock.screening.ledger.errors import store_errors
from disco_dock.screening.ledger.lock import is_running
from disco_dock.screening.ledger.store import Counts, connect, count_rows
from disco_dock.screening.ledger.values import check_values

RECENT = 200  # ligands that the rate is taken over


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryStatus:
    """How much of a library was read: records, and whether that is all of them."""

    name: str
    records: int
    complete: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreStatus:
    """A store at one moment.

    Attributes:
        counts: rows by status, failures by code.
        libraries: in the order in which they were given.
        running: whether a run is on.
        per_hour: ligands done in an hour, over the last ones; None before there are two.
        seconds_left: at that rate; None while libraries are read or no rate is known.
        idle: seconds since the last outcome, or None before the first.
        mean_seconds: wall time of a docked ligand in its worker.
        bytes: size of the file, with what is not yet merged into it.
    """

    counts: Counts
    libraries: tuple[LibraryStatus, ...]
    running: bool
    per_hour: float | None
    seconds_left: float | None
    idle: float | None
    mean_seconds: float | None
    bytes: int


def store_status(path: Path) -> StoreStatus:
    """The status of a store.

    Raises:
        InputError: there is no such file.
        StoreError: it is no store, or damaged.
    """
    connection = connect(path, write=False)
    try:
        counts = count_rows(path, connection)
        with store_errors(path):
            libraries = connection.execute("SELECT name, records, complete FROM library ORDER BY id").fetchall()
            find = "SELECT finished FROM ligand WHERE finished IS NOT NULL ORDER BY finished DESC LIMIT ?"
            times = [row[0] for row in connection.execute(find, (RECENT,))]
            mean = connection.execute("SELECT avg(seconds_total) FROM ligand WHERE status = 'docked'").fetchone()[0]
        for row in libraries:
            check_values(path, ("library", "records", "complete"), row)
        for value in (*times, mean):
            check_values(path, ("finished",), (value,))
    finally:
        connection.close()
    passed = times[0] - times[-1] if len(times) > 1 else 0.0
    rate = (len(times) - 1) / passed if passed > 0 else None
    complete = all(row[2] for row in libraries)
    pending = counts.of("pending")
    files = (path, path.with_name(f"{path.name}-wal"))
    return StoreStatus(
        counts=counts,
        libraries=tuple(LibraryStatus(name=row[0], records=row[1], complete=bool(row[2])) for row in libraries),
        running=is_running(path),
        per_hour=None if rate is None else 3600 * rate,
        seconds_left=pending / rate if rate is not None and complete else (0.0 if complete and not pending else None),
        idle=max(0.0, time.time() - times[0]) if times else None,
        mean_seconds=mean,
        bytes=sum(file.stat().st_size for file in files if file.exists()),
    )
