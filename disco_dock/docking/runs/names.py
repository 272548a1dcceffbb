"""Names of complexes that are safe as folder names on every system."""

from __future__ import annotations

import re
from pathlib import Path

MAX_LENGTH = 80
RESERVED = frozenset(
    ["con", "prn", "aux", "nul", *(f"{device}{number}" for device in ("com", "lpt") for number in range(1, 10))]
    + ["results.csv", "run.json", "poses.sdf", "rank1.sdf", "complex_rank1.pdb", "trajectory_rank1.pdb"]
    + ["report.html", "view.pml", "view.cxc", "view.mvsj"]
)
GENERIC = frozenset({"protein", "receptor", "rec", "structure", "model", "complex"})
"""File names that say nothing about the content; the folder's name is used instead."""


def safe_name(text: str) -> str:
    """A name of letters, digits, "_", "-", "+" and "." made from any text; never empty, hidden, a device or a path."""
    name = re.sub(r"[^A-Za-z0-9_.+-]+", "_", text.strip())[:MAX_LENGTH].strip("._")
    if not name:
        return "complex"
    return f"{name}_" if name.lower() in RESERVED or name.split(".")[0].lower() in RESERVED else name


def complex_name(protein: Path, ligand: str) -> str:
    """Name of a complex from its protein file and ligand: "1uou_CMU", also for 1uou/protein.pdb."""
    stem = protein.name.split(".")[0]
    folder = protein.absolute().parent.name
    return f"{folder if stem.lower() in GENERIC and folder else stem}_{ligand}"


class UniqueNames:
    """Gives each safe name once, also on file systems that ignore case."""

    def __init__(self) -> None:
        """Start with every name free."""
        self._used: set[str] = set()
        self._counts: dict[str, int] = {}

    def take(self, text: str) -> str:
        """The safe form of `text`, with "_2", "_3" ... appended when it is taken."""
        base = name = safe_name(text)
        count = self._counts.get(base.lower(), 1)
        while name.lower() in self._used:
            count += 1
            name = f"{base}_{count}"
        self._counts[base.lower()] = count
        self._used.add(name.lower())
        return name
