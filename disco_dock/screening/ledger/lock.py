"""One run at a time on a store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from disco_dock.screening.ledger.errors import StoreError


def lock_path(store: Path) -> Path:
    """The file that a run locks; the store itself carries SQLite's locks, which closing another handle would drop."""
    return store.with_name(f"{store.name}.lock")


@contextmanager
def only_run(store: Path) -> Iterator[None]:
    """Hold the lock of a store in the block; it goes with the process, however that ends.

    Raises:
        StoreError: another process holds it.
    """
    path = lock_path(store)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise StoreError(f"{store}: another disco-dock screen is running on it; wait until it ends") from error
    try:
        yield
        if os.name == "posix":  # while held: a process that opened it earlier sees that it is gone, and opens a new one
            path.unlink(missing_ok=True)
    finally:
        lock.release()


def is_running(store: Path) -> bool:
    """Whether a run holds the lock of a store."""
    path = lock_path(store)
    if not path.is_file():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:  # the lock of another user
        return False
    lock.release()
    return False
