"""What `evaluate` shows: a bar with the time left, and the methods beside each other in 80 columns."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from disco_dock.cli.bar import BarConsole
from disco_dock.cli.console import text_table
from disco_dock.cli.wording import WIDTH, duration, say
from disco_dock.evaluation.report import rate_text
from disco_dock.evaluation.success import TOP

LINE_SECONDS = 30.0  # between lines when stderr is no terminal
RECENT = 20  # complexes that the rate is taken over
DECIDING = (
    ("first < 2 Å", "top1", "under_2"),
    ("first < 2 Å, valid", "top1", "under_2_and_valid"),
    (f"one of {TOP} < 2 Å", f"top{TOP}", "under_2"),
    ("best of all < 2 Å", "best", "under_2"),
    ("first < 5 Å", "top1", "under_5"),
)
"""What a row is called, of which poses, and which share."""


class EvaluateConsole(BarConsole):
    """Progress on stderr; use it as a context manager around the work. Methods that dock together share a bar."""

    def __init__(self, headline: str) -> None:
        """Say the headline once something is docked."""
        super().__init__(width=16)
        self._headline = headline
        self._name = ""
        self._finished = True
        self._seen: set[str] = set()
        self._times: deque[float] = deque(maxlen=RECENT)
        self._shown = 0.0

    def row(self, method: str, done: int, total: int) -> None:
        """Show that a method has finished so many complexes of all."""
        if not self._seen:
            self._above(self._headline)
        if method not in self._seen:
            self._seen.add(method)
            if self._finished:
                self._begin(method, total)
        if method != self._name:
            return
        self._times.append(time.monotonic())
        self._finished = done == total
        passed, steps = self._times[-1] - self._times[0], len(self._times) - 1
        left = "" if self._finished or passed <= 0 else f", {duration((total - done) * passed / steps)} left"
        text = f"{method}: {done:,} of {total:,} complexes{left}"
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, description=text)
        elif self._finished or self._times[-1] - self._shown > LINE_SECONDS:
            self._shown = self._times[-1]
            say(text)

    def _begin(self, method: str, total: int) -> None:
        self._name, self._finished = method, False
        self._times.clear()
        self._times.append(time.monotonic())
        if self._bar is not None:
            self._task = self._bar.add_task(method, total=total)


def compact(summary: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Column names and rows of what decides between methods; `report.side_by_side` has the rest."""
    methods = list(summary["methods"].values())
    rows = [["complexes (failures)", *(f"{one['complexes']} ({one['failures']})" for one in methods)]]
    for label, selection, key in DECIDING:
        cells = [rate_text(one["success"][selection].get(key)) for one in methods]
        if any(cells):
            rows.append([label, *cells])
    medians = [one["distances"]["rmsd_top1"] for one in methods]
    rows.append(["median RMSD of first, Å", *(_median(one) for one in medians)])
    rows.append(["CPU seconds each", *(str(one["mean_cpu_seconds"]) for one in methods)])
    return ["", *summary["methods"]], rows


def _median(quartiles: Mapping[str, float | None]) -> str:
    middle = list(quartiles.values())[1]
    return "-" if middle is None else f"{middle:.1f}"


def blocks(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column names the rows, as tables below each other where it is wider than `WIDTH`."""
    texts, start = [], 1
    while start < len(columns):
        end = len(columns)
        while True:
            chosen = [0, *range(start, end)]
            text = text_table([columns[at] for at in chosen], [[row[at] for at in chosen] for row in rows])
            if end == start + 1 or max(map(len, text.splitlines())) <= WIDTH:
                break
            end -= 1
        texts.append(text)
        start = end
    return "\n\n".join(texts)


def turned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """A table with its rows as columns."""
    return [columns[0], *(row[0] for row in rows)], [
        [columns[at], *(row[at] for row in rows)] for at in range(1, len(columns))
    ]
