"""What `screen` shows: a bar with rate, time left and failures by kind, lines in a log or of JSON, and a summary."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from disco_dock.screening.progress import JsonLines, Snapshot
    from disco_dock.screening.screen import ScreenEnd

LOG_SECONDS = 30.0  # between two lines when stderr is no terminal


@contextmanager
def end_on_signals() -> Iterator[None]:
    """Let SIGTERM, as a batch system sends it, end a run like Ctrl-C."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class ScreenConsole:
    """Receiver of a run's progress; use it as a context manager around the run."""

    def __init__(self, kind: str, file: str | None) -> None:
        """Show progress as "auto", "json" or "none", and append JSON lines to a file when one is named."""
        self._kind = kind
        self._file_name = file
        self._file = None
        self._lines: list[JsonLines] = []
        self._bar = None
        self._task = None
        self._shown = 0.0

    def __enter__(self) -> ScreenConsole:
        """Open the file and start the bar."""
        from disco_dock.screening.progress import JsonLines

        if self._file_name is not None:
            self._file = open(self._file_name, "a", encoding="utf-8")
            self._lines.append(JsonLines(self._file))
        if self._kind == "json":
            self._lines.append(JsonLines(sys.stderr))
        elif self._kind == "auto" and sys.stderr.isatty():
            from rich.console import Console as Terminal
            from rich.progress import BarColumn, Progress, TextColumn

            columns = (BarColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=Terminal(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("starting", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar and close the file."""
        if self._bar is not None:
            self._bar.stop()
        if self._file is not None:
            self._file.close()

    def update(self, snapshot: Snapshot) -> None:
        """Show where the run is."""
        for lines in self._lines:
            lines.update(snapshot)
        if self._bar is not None and self._task is not None:
            total = None if snapshot.reading else snapshot.rows
            done = snapshot.rows - snapshot.pending
            self._bar.update(self._task, total=total, completed=done, description=_line(snapshot))
        elif self._kind == "auto" and (time.monotonic() - self._shown >= LOG_SECONDS or not self._shown):
            self._shown = time.monotonic()
            print(_line(snapshot), file=sys.stderr, flush=True)

    def print_end(self, store: Path, end: ScreenEnd) -> None:
        """Print what a run came to."""
        if self._kind != "none":
            print(f"{_counts_line(end.snapshot)}; {store}")
        for sentence in end.broken:
            print(f"disco-dock: {sentence}; what came before it is in the ledger", file=sys.stderr)


def _counts_line(snapshot: Snapshot) -> str:
    copies = f"{snapshot.duplicates} duplicate{'' if snapshot.duplicates == 1 else 's'}"
    parts = [f"{snapshot.rows} records", f"{snapshot.docked} docked", copies]
    parts.append(f"{snapshot.failed} failed{_kinds(snapshot.failures)}")
    if snapshot.pending:
        parts.append(f"{snapshot.pending} to do")
    return ", ".join(parts)


def _line(snapshot: Snapshot) -> str:
    parts = [_counts_line(snapshot)]
    if snapshot.reading:
        parts.append("reading on")
    if snapshot.per_hour is not None:
        parts.append(f"{snapshot.per_hour:,.0f} an hour")
    if snapshot.seconds_left is not None:
        parts.append(f"{duration(snapshot.seconds_left)} left")
    if snapshot.workers_lost:
        parts.append(f"{snapshot.workers_lost} workers replaced")
    return ", ".join(parts)


def _kinds(failures: Mapping[str, int]) -> str:
    if not failures:
        return ""
    return f" ({', '.join(f'{count} {code}' for code, count in sorted(failures.items()))})"


def duration(seconds: float) -> str:
    """A time in words, such as "2 h 05 min"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours / 24:.1f} days"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def print_status(path: Path, *, as_json: bool) -> None:
    """Print where a store stands."""
    from disco_dock.screening.ledger.status import store_status

    status = store_status(path)
    if as_json:
        print(json.dumps(asdict(status)))
        return
    counts = status.counts
    print(f"{path}: {'a' if status.running else 'no'} run is on, {status.bytes / 1e6:,.1f} MB")
    for library in status.libraries:
        print(f"  {library.name}: {library.records} records read{'' if library.complete else ', more to come'}")
    for name in ("docked", "duplicate", "failed", "pending"):
        kinds = _kinds(counts.failures) if name == "failed" else ""
        print(f"  {name}: {counts.of(name)}{kinds}")
    if status.mean_seconds is not None:
        print(f"  {status.mean_seconds:.1f} s for a docked ligand in its worker")
    if status.per_hour is not None:
        print(f"  {status.per_hour:,.0f} ligands an hour over the last ones")
    if status.idle is not None:
        print(f"  last outcome {duration(status.idle)} ago")
    if status.seconds_left:
        print(f"  {duration(status.seconds_left)} left at this rate")
