"""What a user says about the groups of a structure file; free of chemistry, so that a server may know it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from disco_dock.runtime.errors import ConfigError

PLACE = re.compile(r"[A-Za-z0-9_-]{0,8}:[A-Za-z0-9:+-]+")
"""A residue or group of the protein's file, such as A:57, A:STI201 or A:GP6:910."""


def place_label(chain: str, name: str, number: int, insertion: str) -> str:
    """How a residue or group is called: "A:ASP189", "A:GP6:910" where the name does not end with a letter."""
    between = ":" if name and not name[-1].isalpha() else ""  # A:GP6:910 is not A:GP:6910, nor A:CL-:30 A:CL:-30
    return f"{chain.strip() or '_'}:{name}{between}{number}{insertion}"


def names_place(spec: str, chains: Sequence[str], name: str, number: int, insertion: str) -> bool:
    """Whether a text such as "A:STI201", "A:STI:201" or "A:201" means a residue or group, in any case.

    Args:
        spec: what a user wrote.
        chains: names of its chain that count, in the file and here.
        name: of the residue or group.
        number: its number.
        insertion: its insertion code, or "".
    """
    head, found, rest = spec.strip().upper().partition(":")
    if not found or head.replace("_", "") not in {one.strip().upper() for one in chains}:
        return False
    own, place = name.upper(), f"{number}{insertion.upper()}"
    return rest in (place, f"{own}{place}", f"{own}:{place}")


@dataclass(frozen=True, kw_only=True)
class GroupChoice:
    """What a user says about groups; a group named by its place comes before its name, and that before "all" or "none".

    Attributes:
        keep: names ("NAP"), places ("A:NAP301", "A:GP6:910", "A:301"), "all" or "none".
        drop: likewise.
    """

    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that nothing is asked for twice."""
        both = sorted({one.upper() for one in self.keep} & {one.upper() for one in self.drop})
        if both:
            raise ConfigError(f"--keep and --drop both name {both[0]}; name it in one of them")
        if not all(one.strip() for one in (*self.keep, *self.drop)):
            raise ConfigError("--keep and --drop need a name such as NAP, a place such as A:NAP301, all or none")
