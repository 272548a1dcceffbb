"""What a user says about the groups of a structure file; free of chemistry, so that a server may know it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from disco_dock.runtime.errors import ConfigError

PLACE = re.compile(r"[A-Za-z0-9_]{0,4}:[A-Za-z0-9:-]+")
"""A residue or group of the protein's file, such as A:57 or A:STI201."""


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
