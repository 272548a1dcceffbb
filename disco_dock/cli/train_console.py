"""What `train` shows: a progress bar with the time left on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from disco_dock.runtime.loop import TrainingRun

LINE_SECONDS = 30.0  # between lines when the output is no terminal


class TrainConsole:
    """Progress on stderr; use it as a context manager around the work.

    Args:
        silent: show nothing, for all processes but the first.
    """

    def __init__(self, *, silent: bool = False) -> None:
        self._silent = silent
        self._bar = None
        self._task = None
        self._started: dict[str, tuple[float, float]] = {}
        self._last_line = 0.0

    def __enter__(self) -> TrainConsole:
        """Start the bar when stderr is a terminal."""
        if sys.stderr.isatty() and not self._silent:
            from rich.console import Console as Terminal
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:3.0f}%"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(elapsed_when_finished=False),
                TextColumn("{task.fields[loss]}"),
            )
            self._bar = Progress(*columns, console=Terminal(stderr=True), transient=True)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()

    def step(self, run: TrainingRun, metrics: dict[str, float]) -> None:
        """Show a finished training step."""
        if self._silent:
            return
        name, progress = run.out_dir.name, run.progress()
        first_time, first_progress = self._started.setdefault(name, (time.monotonic(), progress))
        loss = f"loss {metrics.get('loss', float('nan')):.3f}"
        if self._bar is not None:
            if self._task is None or len(self._started) > len(self._bar.tasks):
                self._task = self._bar.add_task(name, total=1.0, loss="")
            text = f"{name} step {run.step}"
            self._bar.update(self._task, description=text, completed=min(progress, 1.0), loss=loss)
            return
        now = time.monotonic()
        if now - self._last_line > LINE_SECONDS or progress >= 1:
            self._last_line = now
            gained = progress - first_progress
            left = (now - first_time) * max(1 - progress, 0.0) / gained if gained > 0 else float("nan")
            self._line(f"{name}: step {run.step}, {100 * min(progress, 1.0):.0f} %, {duration(left)} left, {loss}")

    def wait(self, text: str) -> None:
        """Show work that is no training step."""
        if not self._silent:
            self._line(text)

    def _line(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Hours, minutes and seconds as text."""
    if seconds != seconds:
        return "unknown time"
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
