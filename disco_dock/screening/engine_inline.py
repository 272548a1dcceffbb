"""Docking in the main process: no copies of the networks, but no time limit, and a crash ends the run."""

from __future__ import annotations

from collections import deque

from disco_dock.screening.engines import DockLigand, Event, MakeDocker
from disco_dock.screening.plan import Batch
from disco_dock.screening.rows import Work


class InlineEngine:
    """One worker that is the main process itself."""

    workers = 1

    def __init__(self, make: MakeDocker) -> None:
        """Dock with what `make` gives."""
        self._make = make
        self._dock: DockLigand | None = None
        self._waiting: deque[Work] = deque()

    def __enter__(self) -> InlineEngine:
        """Load the docker."""
        self._dock = self._make()
        return self

    def __exit__(self, *_: object) -> None:
        """Forget the docker."""
        self._dock = None
        self._waiting.clear()

    def has_room(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def submit(self, batch: Batch) -> None:
        """Keep a batch until `wait`."""
        self._waiting.extend(batch.works)

    def wait(self, seconds: float) -> list[Event]:
        """Dock the next ligand."""
        assert self._dock is not None
        return [self._dock(self._waiting.popleft())] if self._waiting else []
