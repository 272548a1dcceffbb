"""Progress of long work on stderr: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from typing import Any

LINE_SECONDS = 30.0
"""Between lines where stderr is no terminal."""


class Progress:
    """Count of things done, with their rate and the time left; a context manager around the work.

    Args:
        what: that is done.
        unit: of what is counted.
        total: of the units.
        silent: show nothing, for all processes but the first.
    """

    def __init__(self, what: str, unit: str, total: int, *, silent: bool = False) -> None:
        self._what, self._unit, self._total = what, unit, total
        self._silent = silent or total < 1
        self._done, self._begin, self._last = 0, 0.0, 0.0
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        """Start the bar when stderr is a terminal."""
        self._begin = self._last = time.monotonic()
        if not self._silent and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(elapsed_when_finished=False),
                TextColumn("left"),
            )
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self._what, total=self._total, rate="")
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()

    def advance(self, count: int) -> None:
        """Count some more units."""
        self._done += count
        if self._silent:
            return
        now = time.monotonic()
        rate = self._done / max(now - self._begin, 1e-9)
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, rate=f"{rate:.3g} {self._unit}/s")
        elif now - self._last > LINE_SECONDS:
            self._last = now
            left = duration(max(self._total - self._done, 0) / rate)
            print(
                f"{self._what}: {self._done} of {self._total} {self._unit}, {rate:.3g} per second, {left} left",
                file=sys.stderr,
                flush=True,
            )


def duration(seconds: float) -> str:
    """Hours, minutes and seconds as text."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
