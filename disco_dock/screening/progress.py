"""Progress of a run: counts, rate, time left and failures by kind, as numbers and as JSON lines."""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Protocol, TextIO

from disco_dock.screening.ledger.store import Counts
from disco_dock.screening.messages import Failed, Outcome

WINDOW = 200  # ligands that the rate is taken over
JSON_SECONDS = 5.0  # between two lines


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """A run at one moment.

    Attributes:
        event: "progress", or "end" for the last one.
        rows: of the ledger.
        docked: ligands with poses.
        unmet: those of them that have no pose with the interactions that were asked for.
        failed: records without, those that could not be read included.
        duplicates: records that repeat a molecule.
        pending: ligands that wait.
        reading: whether more records follow, so that the time left is not known yet.
        failures: number of failures by code.
        seconds: since this run began.
        per_hour: ligands done in an hour, over the last ones of this run; None before there are any.
        seconds_left: None while it is not known.
        workers_lost: workers that died and were replaced.
    """

    event: str
    rows: int
    docked: int
    unmet: int
    failed: int
    duplicates: int
    pending: int
    reading: bool
    failures: dict[str, int]
    seconds: float
    per_hour: float | None
    seconds_left: float | None
    workers_lost: int

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


class ScreenProgress(Protocol):
    """Receiver of a run's progress."""

    def update(self, snapshot: Snapshot) -> None:
        """Show the numbers; called often."""
        ...


class Tally:
    """Counts of a run, updated without queries to the store."""

    def __init__(self, counts: Counts) -> None:
        """Start from what the ledger holds."""
        self.workers_lost = 0
        self.finished = 0
        self._begin = time.monotonic()
        self._recent: deque[float] = deque([self._begin], maxlen=WINDOW)
        self._docked = self._unmet = self._duplicates = self._pending = 0
        self._failures: Counter[str] = Counter()
        self.add(counts)

    def add(self, counts: Counts) -> None:
        """Count rows that entered the ledger."""
        self._docked += counts.of("docked")
        self._unmet += counts.unmet
        self._duplicates += counts.of("duplicate")
        self._pending += counts.of("pending")
        self._failures.update(counts.failures)

    def count(self, outcome: Outcome) -> None:
        """Count the outcome of a ligand."""
        self._pending -= 1
        self.finished += 1
        self._recent.append(time.monotonic())
        if isinstance(outcome, Failed):
            self._failures[outcome.failure.code] += 1
        else:
            self._docked += 1
            self._unmet += outcome.meeting == 0

    @property
    def pending(self) -> int:
        """Ligands that wait or are being docked."""
        return self._pending

    def snapshot(self, *, reading: bool, event: str = "progress") -> Snapshot:
        """The numbers now."""
        failed, done = sum(self._failures.values()), len(self._recent) - 1
        passed = self._recent[-1] - self._recent[0]
        rate = done / passed if done and passed > 0 else None
        return Snapshot(
            event=event,
            rows=self._docked + self._duplicates + self._pending + failed,
            docked=self._docked,
            unmet=self._unmet,
            failed=failed,
            duplicates=self._duplicates,
            pending=self._pending,
            reading=reading,
            failures=dict(self._failures),
            seconds=round(time.monotonic() - self._begin, 1),
            per_hour=None if rate is None else round(3600 * rate, 1),
            seconds_left=None if reading or rate is None else round(self._pending / rate, 1),
            workers_lost=self.workers_lost,
        )


class JsonLines:
    """Progress as a line of JSON every few seconds and one at the end."""

    def __init__(self, stream: TextIO) -> None:
        """Write to an open text stream."""
        self._stream = stream
        self._written = 0.0

    def update(self, snapshot: Snapshot) -> None:
        """Write a line if the interval has passed."""
        now = time.monotonic()
        if snapshot.event != "progress" or now - self._written >= JSON_SECONDS or not self._written:
            self._written = now
            print(snapshot.to_json(), file=self._stream, flush=True)
