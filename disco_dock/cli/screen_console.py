"""What `screen` shows: what is docked, a bar with rate and time left, lines in a log or of JSON, and a summary."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disco_dock.cli.bar import BAR, BarConsole
from disco_dock.cli.wording import WIDTH, count, duration, tail, wrapped

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from disco_dock.screening.ledger.identity import ScreenSettings
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


def screen_headline(given: Mapping[str, Any], settings: ScreenSettings) -> str:
    """What is docked into what, how often, and by how many."""
    libraries = [Path(name).name for name in given["ligands"]]
    library = libraries[0] if len(libraries) == 1 else f"{len(libraries)} libraries"
    where = "anywhere in" if settings.predict.pocket is None else "into a pocket of"
    poses = f"{count(settings.predict.num_poses, 'pose')} each"
    workers = count(given["workers"], "worker") if given["workers"] else "no worker"
    fixed = f"docking {{}} {where} {{}}: {poses}, {workers}"
    room, protein = max(24, WIDTH - len(fixed) + 4), Path(given["protein"]).name
    library = tail(library, max(room // 2, room - len(protein)))
    return fixed.format(library, tail(protein, room - len(library)))


class ScreenConsole(BarConsole):
    """Receiver of a run's progress; use it as a context manager around the run."""

    def __init__(self, kind: str, file: str | None) -> None:
        """Show progress as "auto", "json" or "none", and append JSON lines to a file when one is named."""
        super().__init__(silent=kind != "auto")
        self._kind = kind
        self._file_name = file
        self._file = None
        self._lines: list[JsonLines] = []
        self._shown = 0.0

    def __enter__(self) -> ScreenConsole:
        """Open the file and start the bar."""
        from disco_dock.screening.progress import JsonLines

        if self._file_name is not None:
            self._file = open(self._file_name, "a", encoding="utf-8")
            self._lines.append(JsonLines(self._file))
        if self._kind == "json":
            self._lines.append(JsonLines(sys.stderr))
        super().__enter__()
        if self._bar is not None:
            self._task = self._bar.add_task("starting", total=None)
        return self

    def _columns(self) -> tuple[ProgressColumn, ...]:
        from rich.progress import BarColumn, TextColumn

        return BarColumn(self._width), TextColumn("{task.description}", markup=False)

    def __exit__(self, *_: object) -> None:
        """Remove the bar and close the file."""
        super().__exit__()
        if self._file is not None:
            self._file.close()

    def begin(self, headline: str) -> None:
        """Say what is about to be done."""
        if self._kind != "auto":
            return
        self._above(headline)

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

    def print_end(self, store: Path, end: ScreenEnd, *, asked: str = "") -> None:
        """Print what a run came to, where it is and what to do next; `asked` are wanted interactions in words."""
        if self._kind != "none":
            snapshot = end.snapshot
            print(wrapped(_counts_line(snapshot)))
            if snapshot.unmet:
                print(wrapped(unmet_line(snapshot.unmet, snapshot.docked, asked, store)))
            if snapshot.failed:
                print(wrapped(f"what failed, and why: disco-dock results {store} --status failed"))
            print(f"results in {store}")
            to_do = snapshot.pending and "the same command goes on; "
            print(f"next: {to_do or ''}disco-dock results {store} --report")
        for sentence in end.broken:
            print(f"disco-dock: {sentence}; what came before it is in the ledger", file=sys.stderr)


def unmet_line(unmet: int, docked: int, asked: str, store: Path) -> str:
    """How many ligands have no pose with the wanted interactions, and where they are."""
    verb = "has" if unmet == 1 else "have"
    return f"{unmet:,} of {docked:,} docked {verb} no pose {asked}: disco-dock results {store} --status unmet"


def _counts_line(snapshot: Snapshot) -> str:
    parts = [f"{snapshot.docked:,} docked", count(snapshot.duplicates, "duplicate")]
    parts.append(f"{snapshot.failed:,} failed{_kinds(snapshot.failures)}")
    if snapshot.pending:
        parts.append(f"{snapshot.pending:,} to do")
    if snapshot.workers_lost:
        parts.append(f"{count(snapshot.workers_lost, 'worker')} replaced")
    return f"{count(snapshot.rows, 'record')}: {', '.join(parts)}"


def _line(snapshot: Snapshot) -> str:
    """Where a run is, beside the bar; what matters least gives way where it does not fit."""
    more = " or more" if snapshot.reading else ""
    parts = [f"{snapshot.rows - snapshot.pending:,} of {snapshot.rows:,}{more}"]
    if snapshot.seconds_left is not None and snapshot.pending:
        parts.append(f"{duration(snapshot.seconds_left)} left")
    if snapshot.failed:
        parts.append(f"{snapshot.failed:,} failed")
    if snapshot.per_hour is not None:
        parts.append(f"{snapshot.per_hour:,.0f} an hour")
    if snapshot.unmet:
        parts.append(f"{snapshot.unmet:,} unmet")
    if snapshot.workers_lost:
        parts.append(f"{count(snapshot.workers_lost, 'worker')} replaced")
    while len(", ".join(parts)) > WIDTH - BAR - 2:
        parts.pop()
    return ", ".join(parts)


def _kinds(failures: Mapping[str, int]) -> str:
    if not failures:
        return ""
    return f" ({', '.join(f'{count} {code}' for code, count in sorted(failures.items()))})"


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
        unmet = f" ({counts.unmet} without the interactions asked for)" if name == "docked" and counts.unmet else ""
        print(f"  {name}: {counts.of(name)}{kinds}{unmet}")
    if status.mean_seconds is not None:
        print(f"  {status.mean_seconds:.1f} s for a docked ligand in its worker")
    if status.per_hour is not None:
        print(f"  {status.per_hour:,.0f} ligands an hour over the last ones")
    if status.idle is not None:
        print(f"  last outcome {duration(status.idle)} ago")
    if status.seconds_left:
        print(f"  {duration(status.seconds_left)} left at this rate")
