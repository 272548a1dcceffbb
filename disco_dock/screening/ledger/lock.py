"""One run at a time on a store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from disco_dock.screening.ledger.errors import StoreError

try:
    import fcntl
except ImportError:  # Windows: SQLite's own locks still keep the file whole
    fcntl = None


def lock_path(store: Path) -> Path:
    """The file that a run locks; the store itself carries SQLite's locks, which closing another handle would drop."""
    return store.with_name(f"{store.name}.lock")


@contextmanager
def only_run(store: Path) -> Iterator[None]:
    """Hold the lock of a store in the block; it goes with the process, however that ends.

    Raises:
        StoreError: another process holds it.
    """
    if fcntl is None:
        yield
        return
    path = lock_path(store)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"{store}: another disco-dock screen is running on it; wait until it ends") from error
        yield
        path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def is_running(store: Path) -> bool | None:
    """Whether a run holds the lock of a store; None where this cannot be told."""
    if fcntl is None:
        return None
    try:
        handle = os.open(lock_path(store), os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
