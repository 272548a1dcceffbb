"""Progress of long work on stderr: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

LINE_SECONDS = 30.0
"""Between lines where stderr is no terminal."""


class Progress:
    """Count of things done, with their rate and the time left; a context manager around the work.

    The bar appears with the first thing done and makes way for the next one's.

    Args:
        what: that is done.
        unit: of what is counted.
        total: of the units.
        silent: show nothing, for all processes but the first.
    """

    _shown: ClassVar[Progress | None] = None

    def __init__(self, what: str, unit: str, total: int, *, silent: bool = False) -> None:
        self._what, self._unit, self._total = what, unit, total
        self._silent = silent
        self._done, self._begin, self._last = 0, 0.0, 0.0
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        """Begin to count the time."""
        self._begin = self._last = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        self._hide()

    def skip(self, count: int) -> None:
        """Leave out units that were done before, so that they count neither as work nor in the rate."""
        self._total = max(self._total - count, 0)
        self._begin = time.monotonic()

    def advance(self, count: int, note: str = "") -> None:
        """Count some more units; the note is shown behind the time."""
        self._done += count
        if self._silent:
            return
        now = time.monotonic()
        rate = self._done / max(now - self._begin, 1e-9)
        if sys.stderr.isatty():
            self._show()
            self._bar.update(self._task, completed=self._done, rate=f"{rate:.3g} {self._unit}/s", note=note)
        elif now - self._last > LINE_SECONDS:
            self._last = now
            left = duration(max(self._total - self._done, 0) / rate)
            parts = [f"{self._done} of {self._total} {self._unit}", f"{rate:.3g} per second", f"{left} left", note]
            print(f"{self._what}: {', '.join(part for part in parts if part)}", file=sys.stderr, flush=True)

    def _show(self) -> None:
        if self._bar is not None:
            return
        if Progress._shown is not None:
            Progress._shown._hide()
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(elapsed_when_finished=False),
            TextColumn("left  {task.fields[note]}"),
        )
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
        self._bar.start()
        self._task = self._bar.add_task(self._what, total=self._total, rate="", note="")
        Progress._shown = self

    def _hide(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            Progress._shown = None


def watch_of(shows: bool) -> Callable[[str, int], AbstractContextManager[Callable[[int], None]]]:
    """A function (what, how many) -> context with a function that counts images that are done."""

    @contextmanager
    def watch(what: str, total: int) -> Iterator[Callable[[int], None]]:
        with Progress(what, "images", total, silent=not shows) as shown:
            yield shown.advance

    return watch


def duration(seconds: float) -> str:
    """Hours, minutes and seconds as text."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
