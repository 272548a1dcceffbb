"""One atom of a structure file as its record says, and what becomes of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class AtomRecord(NamedTuple):
    """An ATOM or HETATM record.

    Attributes:
        chain: letter or name, "" when blank.
        segment: columns 73-76 of a PDB file, or "".
        number: residue number.
        insertion: insertion code, or "".
        residue: residue name in capitals.
        hetero: whether it is a HETATM record.
        name: atom name.
        altloc: alternate location, or "".
        occupancy: 1.0 where the file has none.
        element: symbol, such as "Cl"; "X" where it cannot be told.
        pos: x, y, z in Angstrom.
        part: number of TER records before it.
    """

    chain: str
    segment: str
    number: int
    insertion: str
    residue: str
    hetero: bool
    name: str
    altloc: str
    occupancy: float
    element: str
    pos: tuple[float, float, float]
    part: int


@dataclass
class RecordTally:
    """What became of the atom records of a file: each is kept, or dropped by a named rule.

    Attributes:
        total: ATOM and HETATM records of all models.
        dropped: rule -> records.
    """

    total: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def drop(self, rule: str, count: int) -> None:
        """Count records that a rule leaves out."""
        if count:
            self.dropped[rule] += count

    def copy(self) -> RecordTally:
        """A tally that counts on from here."""
        return RecordTally(self.total, self.dropped.copy())

    @property
    def kept(self) -> int:
        """Records that no rule left out."""
        return self.total - self.dropped.total()

    def as_dict(self) -> dict[str, int | Mapping[str, int]]:
        """JSON-ready."""
        return {"total": self.total, "kept": self.kept, "dropped": dict(self.dropped)}
