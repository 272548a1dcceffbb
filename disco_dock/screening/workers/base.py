"""What every pool of workers offers: it takes batches of ligands and gives back what came of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from disco_dock.screening.messages import Outcome, Work
from disco_dock.screening.plan import Batch


@dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """A worker that ended during its work.

    Attributes:
        suspects: ligands that may have killed it.
        others: ligands that it had not started.
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
        """The outcome of each of at most `together` ligands, in any order."""
        ...


MakeDocker = Callable[[], DocksLigands]
"""Loads what docks; called in the worker, so it can be pickled."""


def chunks(works: Sequence[Work], together: int) -> Iterator[Sequence[Work]]:
    """The ligands of a batch, `together` at a time."""
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
        """Whether another batch may be submitted; the number in flight is bounded."""
        ...

    def submit(self, batch: Batch) -> None:
        """Give a batch to a worker."""
        ...

    def wait(self, seconds: float) -> list[Event]:
        """Outcomes and losses, after waiting at most `seconds` for the first.

        Raises:
            DiscoError: no worker can be started.
        """
        ...
