"""Measurements of one complex docked with one method, and the file that keeps them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

from disco_dock.runtime.files import atomic_write


@dataclass(frozen=True, kw_only=True)
class MeasuredComplex:
    """One complex; sequences have one entry per pose, best-ranked first.

    Attributes:
        id: of the complex.
        atoms: ligand heavy atoms, 0 where the ligand could not be read.
        torsions: rotatable bonds.
        inchikey: of the ligand.
        rmsd: Angstrom.
        centroid: Angstrom between centroids.
        score: by which poses are ranked, higher is better; empty without one.
        probability: that the RMSD is below 2 Angstrom, as the method says; empty when it says nothing.
        valid: whether a pose passes PoseBusters; empty when not checked.
        failed_checks: tests that the first-ranked pose fails.
        exact: False where the RMSDs are upper bounds.
        agreed: whether spyrmsd and RDKit give the same RMSDs; None when one ran out of time.
        seconds: wall time of the docking.
        cpu_seconds: processor time of the docking over all threads.
        notes: what a reader should know, such as a tool that ran out of time.
        error: why there are no poses, or "".
    """

    id: str
    atoms: int = 0
    torsions: int = 0
    inchikey: str = ""
    rmsd: tuple[float, ...] = ()
    centroid: tuple[float, ...] = ()
    score: tuple[float, ...] = ()
    probability: tuple[float, ...] = ()
    valid: tuple[bool, ...] = ()
    failed_checks: tuple[str, ...] = ()
    exact: bool = True
    agreed: bool | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    notes: tuple[str, ...] = ()
    error: str = ""


class HasId(Protocol):
    """A row of one complex."""

    @property
    def id(self) -> str:
        """Of the complex."""
        ...


AnyRow = TypeVar("AnyRow", bound=HasId)


class RowFile(Generic[AnyRow]):
    """Rows as JSON lines under a header of settings; a file with another header is started anew.

    Args:
        path: of the file.
        header: what the rows depend on besides the complexes.
        kind: frozen dataclass of the rows.
    """

    def __init__(self, path: Path, header: Mapping[str, Any], kind: type[AnyRow]) -> None:
        self.path = path
        self._header, self._kind = json.dumps(header, sort_keys=True), kind
        self.rows = self._read()
        lines = [self._header, *(self._line(row) for row in self.rows.values()), ""]
        with atomic_write(path, "w") as file:  # without a line that a kill cut short, so that appending is safe
            file.write("\n".join(lines))

    def add(self, row: AnyRow) -> None:
        """Keep a row, in memory and in the file."""
        self.rows[row.id] = row
        with self.path.open("a", encoding="utf-8") as file:
            file.write(self._line(row) + "\n")

    def _line(self, row: AnyRow) -> str:
        return json.dumps(asdict(cast(Any, row)))

    def _read(self) -> dict[str, AnyRow]:
        if not self.path.exists():
            return {}
        first, *lines = self.path.read_text(encoding="utf-8").splitlines() or [""]
        if first != self._header:
            return {}
        rows: dict[str, AnyRow] = {}
        names = {field.name for field in fields(cast(Any, self._kind))}
        for line in lines:
            try:
                values = json.loads(line)
            except json.JSONDecodeError:
                continue
            if set(values) == names:
                rows[values["id"]] = self._kind(**{name: _frozen(value) for name, value in values.items()})
        return rows


def _frozen(value: Any) -> Any:
    """Lists as tuples, at any depth."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
