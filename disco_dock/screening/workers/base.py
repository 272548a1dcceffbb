"""What every pool of workers offers: it takes batches of ligands and gives back what came of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from disco_dock.screening.messages import Outcome, Work
from disco_dock.screening.plan import Batch


@dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """A worker that ended over its work.

    Attributes:
        suspects: ligands that it may have died of.
        others: ligands that it had not begun.
        reason: it died, or was ended because a ligand took too long.
        detail: what is known about it.
    """

    suspects: tuple[Work, ...]
    others: tuple[Work, ...]
    reason: Literal["crashed", "timeout"]
    detail: str


Event = Outcome | Lost


class DocksLigands(Protocol):
    """Docks ligands; what a worker holds."""

    @property
    def together(self) -> int:
        """Most ligands that it docks at a time."""
        ...

    def __call__(self, works: Sequence[Work]) -> Iterator[Outcome]:
        """What came of each of at most `together` ligands, in any order."""
        ...


MakeDocker = Callable[[], DocksLigands]
"""Loads what docks; can be pickled, for it is called in the worker."""


def chunks(works: Sequence[Work], together: int) -> Iterator[Sequence[Work]]:
    """The ligands of a batch, so many at a time."""
    for begin in range(0, len(works), together):
        yield works[begin : begin + together]


class WorkerPool(Protocol):
    """Workers that dock; a context manager that starts and ends them."""

    @property
    def workers(self) -> int:
        """How many ligands are docked at the same time."""
        ...

    def __enter__(self) -> WorkerPool:
        """Start the workers."""
        ...

    def __exit__(self, *_: object) -> None:
        """End the workers at once."""
        ...

    def has_room(self) -> bool:
        """Whether a further batch may be given; what is in flight is bounded."""
        ...

    def submit(self, batch: Batch) -> None:
        """Give a batch to a worker."""
        ...

    def wait(self, seconds: float) -> list[Event]:
        """What came of the work, after waiting at most so long for something to come.

        Raises:
            DiscoError: no worker can be started.
        """
        ...
