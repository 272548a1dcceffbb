"""The store of a run: one SQLite file that only the main process writes, each batch of news in one transaction."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

from disco_dock.runtime.errors import InputError
from disco_dock.screening.ledger.errors import DamagedStoreError, StoreError, damaged, store_errors
from disco_dock.screening.ledger.identity import StoreIdentity
from disco_dock.screening.ledger.schema import (
    APPLICATION_ID,
    OLDER_TABLES,
    OLDER_VERSION,
    PHASES,
    PLAIN_TABLES,
    STORED_POSE_COLUMNS,
    STRICT,
    TABLES,
    VERSION,
    strict,
)
from disco_dock.screening.ledger.values import check_values
from disco_dock.screening.messages import Entry, Failed, Outcome, Status, Work

BUSY_SECONDS = 10.0
SCHEMA_ROWS = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryState:
    """How much of a library is in the ledger.

    Attributes:
        id: of the library.
        records: read so far, those of other shards included.
        digest: SHA-256 of these records, see `library.update_digest`.
        complete: whether its end was reached.
    """

    id: int
    records: int
    digest: str
    complete: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How many rows have each status, how many failures each code, and how many are docked without what was asked.

    The last are ligands that have no pose with the interactions that `screen --require` and `--exclude` ask for.
    """

    status: Mapping[Status, int] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    unmet: int = 0

    @property
    def total(self) -> int:
        """All rows."""
        return sum(self.status.values())

    def of(self, status: Status) -> int:
        """Rows of a status."""
        return self.status.get(status, 0)


def connect(path: Path, *, write: bool, older: bool = False) -> sqlite3.Connection:
    """An open store.

    Args:
        path: the file.
        write: for writing too.
        older: take one of `OLDER_VERSION` too, which lacks `ADDED_COLUMNS`.

    Raises:
        InputError: there is no such file.
        StoreError: it is no store, of another version, or damaged.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such store; check the path")
    with store_errors(path):
        mode = "rw" if write else "ro"
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=BUSY_SECONDS)
    try:
        connection.isolation_level = None  # transactions are begun and ended by hand
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        _check_kind(path, connection, older=older)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_kind(path: Path, connection: sqlite3.Connection, *, older: bool) -> None:
    """Refuse what is no store, or holds other tables, views or triggers, which could do anything.

    Raises:
        StoreError: it is none.
    """
    with store_errors(path):
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = store_version(connection)
    if application != APPLICATION_ID:
        raise StoreError(f"{path}: is another kind of SQLite file; give a store that disco-dock screen made")
    if version == OLDER_VERSION and not older:
        raise StoreError(
            f"{path}: is a store from before contact scores and interactions were kept; convert it with disco-dock "
            f"screen merge NEW_STORE {path}"
        )
    if version not in (VERSION, OLDER_VERSION):
        raise StoreError(f"{path}: is a store of version {version}, this is {VERSION}; use the disco-dock that made it")
    try:
        with store_errors(path):
            tables = set(connection.execute(SCHEMA_ROWS))
    except DamagedStoreError as error:
        if STRICT:
            raise
        raise StoreError(
            f"{path}: SQLite {sqlite3.sqlite_version} of this Python cannot read it, because the store is damaged or "
            "was made with SQLite 3.37 or later; use a newer Python"
        ) from error
    if tables not in _own_schemas(OLDER_TABLES if version == OLDER_VERSION else PLAIN_TABLES):
        raise StoreError(f"{path}: has other tables than a store; give a store as disco-dock screen made it")


def store_version(connection: sqlite3.Connection) -> int:
    """Version of the tables of a store."""
    return connection.execute("PRAGMA user_version").fetchone()[0]


@lru_cache(maxsize=2)
def _own_schemas(plain: str) -> list[set[tuple[str, str, str]]]:
    """What SQLite says of the tables of a store, as each SQLite makes them."""
    found = []
    for tables in (plain, *([strict(plain)] if STRICT else [])):
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript(tables)
            found.append(set(connection.execute(SCHEMA_ROWS)))
    return found


class Store:
    """A store that is open for writing; use it as a context manager."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Take an open connection; `Store.create` and `Store.open` are the usual ways."""
        self.path = path
        self._connection = connection
        with store_errors(path):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")

    def __enter__(self) -> Store:
        """The store."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._connection.close()

    @classmethod
    def create(cls, path: Path, identity: StoreIdentity, about: Mapping[str, str]) -> Store:
        """A new store.

        Args:
            path: file that does not exist; its folder is made.
            identity: of the run.
            about: what else to keep, such as paths and versions.

        Raises:
            StoreError: the file exists or cannot be made.
        """
        if path.exists():
            raise StoreError(f"{path}: exists already; choose another name")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{path.parent}: cannot be made ({error.strerror}); choose another folder") from error
        partial = path.with_name(f".{path.name}.new")
        partial.unlink(missing_ok=True)  # of a run that died here
        with store_errors(path):
            connection = sqlite3.connect(partial)
            try:
                connection.executescript(
                    f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; {TABLES}"
                )
                rows = {**about, "identity": identity.to_json()}
                connection.executemany("INSERT INTO meta VALUES (?, ?)", rows.items())
                connection.commit()
            finally:
                connection.close()
        partial.rename(path)  # a store is there as a whole or not at all
        return cls(path, connect(path, write=True))

    @classmethod
    def open(cls, path: Path, *, check: bool = True) -> Store:
        """An existing store.

        Args:
            path: the file.
            check: read all pages to find damage first.

        Raises:
            InputError: there is no such file.
            StoreError: it is no store, of another version, or damaged.
        """
        connection = connect(path, write=True)
        try:
            if check:
                check_pages(path, connection)
            return cls(path, connection)
        except StoreError:
            connection.close()
            raise

    @property
    def identity(self) -> StoreIdentity:
        """What the store was made for.

        Raises:
            DamagedStoreError: it does not say.
        """
        try:
            return StoreIdentity.from_json(self.meta("identity"))
        except (KeyError, ValueError) as error:
            raise damaged(self.path, "no identity") from error

    def meta(self, key: str) -> str:
        """A value that was kept with the store; KeyError without one."""
        with store_errors(self.path):
            row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return row[0]

    def library(self, name: str, digest: str) -> LibraryState:
        """How much of a library is in the ledger; `digest` is that of no records, for a library that is new."""
        with self.transaction() as run:
            run.execute("INSERT OR IGNORE INTO library VALUES (NULL, ?, 0, ?, 0)", (name, digest))
            row = run.execute("SELECT id, records, digest, complete FROM library WHERE name = ?", (name,)).fetchone()
        check_values(self.path, ("id", "records", "library_digest", "complete"), row)
        return LibraryState(id=row[0], records=row[1], digest=row[2], complete=bool(row[3]))

    def missing(self, library: int, positions: Sequence[int]) -> list[int]:
        """Those of some positions that have no row."""
        with store_errors(self.path):
            find = "SELECT 1 FROM ligand WHERE library = ? AND position = ?"
            return [at for at in positions if self._connection.execute(find, (library, at)).fetchone() is None]

    def rows_of(self, library: int) -> int:
        """Number of a library's rows."""
        with store_errors(self.path):
            find = "SELECT count(*) FROM ligand WHERE library = ?"
            return self._connection.execute(find, (library,)).fetchone()[0]

    def add(self, entries: Iterable[Entry], state: LibraryState) -> Counts:
        """Enter molecules of a library, and how far it was read; those that were seen before become duplicates.

        Returns:
            How many rows this added of each status.
        """
        statuses: Counter[Status] = Counter()
        failures: Counter[str] = Counter()
        first = "SELECT id FROM ligand WHERE smiles = ? AND duplicate_of IS NULL"
        insert = (
            "INSERT INTO ligand (library, position, name, smiles, heavy_atoms, status, duplicate_of, error_code, "
            "message, hint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        with self.transaction() as run:
            for entry in entries:
                failure = entry.failure
                same = None if entry.smiles is None else run.execute(first, (entry.smiles,)).fetchone()
                status: Status = "failed" if failure else "duplicate" if same else "pending"
                statuses[status] += 1
                if failure:
                    failures[failure.code] += 1
                why = (failure.code, failure.message, failure.hint) if failure else (None, None, None)
                molecule = (state.id, entry.position, entry.name, entry.smiles, entry.heavy_atoms)
                run.execute(insert, (*molecule, status, same[0] if same else None, *why))
            update = "UPDATE library SET records = ?, digest = ?, complete = ? WHERE id = ?"
            run.execute(update, (state.records, state.digest, state.complete, state.id))
        return Counts(status=statuses, failures=failures)

    def pending(self, after: int, limit: int) -> list[Work]:
        """Up to `limit` ligands to dock whose id is larger than `after`, in the order of their ids."""
        columns = ("id", "smiles", "name", "heavy_atoms", "attempts")
        find = f"SELECT {', '.join(columns)} FROM ligand WHERE status = 'pending' AND id > ? ORDER BY id LIMIT ?"
        with store_errors(self.path):
            rows = self._connection.execute(find, (after, limit)).fetchall()
        for row in rows:
            check_values(self.path, columns, row)
        return [Work(**dict(zip(columns, row, strict=True))) for row in rows]

    def record(self, outcomes: Iterable[Outcome]) -> int:
        """Enter what came of some ligands, all or nothing; returns how many still waited for it."""
        with self.transaction() as run:
            return sum(self._record(run, outcome) for outcome in outcomes)

    def _record(self, run: sqlite3.Connection, outcome: Outcome) -> bool:
        now = time.time()
        if isinstance(outcome, Failed):
            failure = outcome.failure
            update = (
                "UPDATE ligand SET status = 'failed', error_code = ?, message = ?, hint = ?, seconds_total = ?, "
                "finished = ? WHERE id = ? AND status = 'pending'"
            )
            values = (failure.code, failure.message, failure.hint, outcome.seconds, now, outcome.id)
            return run.execute(update, values).rowcount == 1
        phases = ", ".join(f"seconds_{phase} = ?" for phase in PHASES)
        update = (
            "UPDATE ligand SET status = 'docked', state = ?, states = ?, num_poses = ?, poses_meeting = ?, "
            f"converged = ?, digest = ?, finished = ?, {phases} "
            "WHERE id = ? AND status = 'pending'"
        )
        seconds = [outcome.seconds.get(phase) for phase in PHASES]
        found = (outcome.state, outcome.states, outcome.num_poses, outcome.meeting, outcome.converged, outcome.digest)
        values = (*found, now, *seconds, outcome.id)
        if run.execute(update, values).rowcount == 0:
            return False  # its result came already, from a worker that was given up too early
        places = ", ".join("?" * (1 + len(STORED_POSE_COLUMNS)))
        poses = [(outcome.id, *(pose[column] for column in STORED_POSE_COLUMNS)) for pose in outcome.poses]
        run.executemany(f"INSERT INTO pose (ligand, {', '.join(STORED_POSE_COLUMNS)}) VALUES ({places})", poses)
        run.execute("INSERT INTO coordinates VALUES (?, ?)", (outcome.id, outcome.coordinates))
        return True

    def count_attempt(self, ligand: int, attempts: int) -> None:
        """Keep how often a worker died over a ligand, so that it cannot stall one run after the other."""
        with self.transaction() as run:
            run.execute("UPDATE ligand SET attempts = ? WHERE id = ?", (attempts, ligand))

    def retry_failed(self, codes: Sequence[str]) -> int:
        """Let failed ligands wait again, all that can be read or those of some codes; returns how many."""
        where = "status = 'failed' AND smiles IS NOT NULL"
        if codes:
            where += f" AND error_code IN ({', '.join('?' * len(codes))})"
        with self.transaction() as run:
            update = (
                "UPDATE ligand SET status = 'pending', error_code = NULL, message = NULL, hint = NULL, attempts = 0, "
                f"finished = NULL, seconds_total = NULL WHERE {where}"
            )
            return run.execute(update, tuple(codes)).rowcount

    def counts(self) -> Counts:
        """How many rows have each status."""
        return count_rows(self.path, self._connection)

    def attach_temporary(self, name: str) -> None:
        """Add an empty database under a name; it lies on disk and is gone when the store is closed."""
        with store_errors(self.path):
            self._connection.execute(f"ATTACH DATABASE '' AS {name}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection inside a transaction that is kept as a whole or not at all."""
        with store_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk ends it by itself
                    self._connection.execute("ROLLBACK")
                raise


def check_pages(path: Path, connection: sqlite3.Connection) -> None:
    """Read every page and compare them.

    Raises:
        DamagedStoreError: one is damaged.
    """
    with store_errors(path):
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise damaged(path, found)


def count_rows(path: Path, connection: sqlite3.Connection) -> Counts:
    """How many rows of an open store have each status, and how many failures each code."""
    with store_errors(path):
        status = dict(connection.execute("SELECT status, count(*) FROM ligand GROUP BY status"))
        failures = dict(
            connection.execute("SELECT error_code, count(*) FROM ligand WHERE status = 'failed' GROUP BY error_code")
        )
        unmet = connection.execute("SELECT count(*) FROM ligand WHERE poses_meeting = 0").fetchone()[0]
    for found in status:
        check_values(path, ("status",), (found,))
    for found in failures:
        check_values(path, ("error_code",), (found,))
    return Counts(status=status, failures=failures, unmet=unmet)
