"""Two kinds of notes: what a user must read, and what is there to look up."""

from __future__ import annotations

from collections.abc import Iterable


class Caution(str):
    """A note that changes how far the poses can be used: consoles and reports show it, the others only on request."""

    __slots__ = ()


def cautions(notes: Iterable[str]) -> tuple[str, ...]:
    """The notes that must be read."""
    return tuple(note for note in notes if isinstance(note, Caution))
