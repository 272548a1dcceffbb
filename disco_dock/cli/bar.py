"""The progress bar that consoles of commands show on stderr where that is a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from disco_dock.cli.wording import say

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

BAR = 12  # columns


class BarConsole:
    """A context manager around the work; without a terminal, or when it is silent, there is no bar.

    Args:
        silent: no bar.
        width: of the bar, in columns; the rest is text.
    """

    def __init__(self, *, silent: bool = False, width: int = BAR) -> None:
        self._silent, self._width = silent, width
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Any:
        """Start the bar when stderr is a terminal."""
        if sys.stderr.isatty() and not self._silent:
            from rich.console import Console as Terminal
            from rich.progress import Progress

            self._bar = Progress(*self._columns(), console=Terminal(stderr=True), transient=True)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()

    def _columns(self) -> tuple[ProgressColumn, ...]:
        """What a bar is made of."""
        from rich.progress import BarColumn, TextColumn

        text = TextColumn("{task.percentage:3.0f}% {task.description}", markup=False)
        return BarColumn(self._width), text

    def _above(self, text: str) -> None:
        """Show a line above the bar, or in a log."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            say(text)
