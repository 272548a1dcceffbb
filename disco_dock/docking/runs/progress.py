"""Progress of a run; the command line shows it, Python callers may ignore it."""

from __future__ import annotations

from typing import Protocol

from disco_dock.docking.runs.summary import ComplexSummary


class Progress(Protocol):
    """Receiver of a run's progress."""

    def start(self, name: str, number: int, total: int) -> None:
        """Complex `number` (from 1) of `total` begins."""
        ...

    def step(self, done: int, total: int) -> None:
        """`done` of `total` units of the current complex are finished."""
        ...

    def note(self, text: str) -> None:
        """A note about the current complex, one sentence."""
        ...

    def finish(self, row: ComplexSummary) -> None:
        """The current complex ended with this row of the summary."""
        ...


class Silent:
    """Progress that shows nothing."""

    def start(self, name: str, number: int, total: int) -> None:
        """Show nothing."""

    def step(self, done: int, total: int) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""

    def finish(self, row: ComplexSummary) -> None:
        """Show nothing."""
