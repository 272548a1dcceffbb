"""Docking in the main process: no copies of the networks, but no time limit, and a crash ends the run."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from disco_dock.screening.messages import Work
from disco_dock.screening.plan import Batch
from disco_dock.screening.workers.base import DocksLigands, Event, MakeDocker, chunks


class InlinePool:
    """One worker that is the main process itself."""

    workers = 1

    def __init__(self, make: MakeDocker) -> None:
        """Dock with the result of `make`."""
        self._make = make
        self._dock: DocksLigands | None = None
        self._waiting: deque[Sequence[Work]] = deque()

    def __enter__(self) -> InlinePool:
        """Load the docker."""
        self._dock = self._make()
        return self

    def __exit__(self, *_: object) -> None:
        """Drop the docker."""
        self._dock = None
        self._waiting.clear()

    def has_room(self) -> bool:
        """Whether no batch waits."""
        return not self._waiting

    def submit(self, batch: Batch) -> None:
        """Keep a batch until `wait`."""
        assert self._dock is not None
        self._waiting.extend(chunks(batch.works, self._dock.together))

    def wait(self, seconds: float) -> list[Event]:
        """Dock the next ligands."""
        assert self._dock is not None
        return list(self._dock(self._waiting.popleft())) if self._waiting else []
