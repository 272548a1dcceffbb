"""What can go wrong with a store, a library or the workers of a screening run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from disco_dock.runtime.errors import DiscoError

BUSY, LOCKED, IOERR, CORRUPT, FULL, CONSTRAINT, NOTADB = 5, 6, 10, 11, 13, 19, 26
"""Result codes of SQLite (https://sqlite.org/rescode.html); Python names them from 3.11 on."""


class StoreError(DiscoError):
    """A store cannot be used, read or written."""

    code = "store"


class DamagedStoreError(StoreError):
    """A page of a store cannot be read or contradicts the others."""


class EngineError(DiscoError):
    """The workers of a run cannot be started or kept alive."""

    code = "engine"


def damaged(path: Path, detail: object) -> DamagedStoreError:
    """The error of a damaged store, with the way to save what it still holds."""
    return DamagedStoreError(
        f"{path}: the store is damaged ({' '.join(str(detail).split())[:120]}); save what can be read with "
        f"disco-dock screen merge NEW.sqlite {path}, then run the same screen with --store NEW.sqlite"
    )


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite raises in the block into one sentence.

    Raises:
        StoreError: the disk is full, the file cannot be written, another process writes it, or it is damaged.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)  # from Python 3.11 on
        primary = None if code is None else code & 0xFF
        unnamed = primary is None and type(error) in (sqlite3.DatabaseError, sqlite3.IntegrityError)
        if primary in (CORRUPT, CONSTRAINT, NOTADB) or unnamed:  # a sound store meets the constraints of its tables
            raise damaged(path, error) from error
        if primary in (FULL, IOERR):
            raise StoreError(
                f"{path}: the disk is full or cannot be written ({error}); what the ledger holds is safe, so make room "
                "and run the same command again"
            ) from error
        if primary in (BUSY, LOCKED):
            raise StoreError(f"{path}: another process is writing to the store; wait until it ends") from error
        raise StoreError(f"{path}: the store cannot be used ({error}); check the path and its permissions") from error
