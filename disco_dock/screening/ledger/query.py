"""Queries for ligands, best first, with filters; also while a run writes to the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from disco_dock.interactions.fingerprint import asked_in_words, check_asked, has, key_residues
from disco_dock.runtime.errors import ConfigError, InputError
from disco_dock.screening.ledger.coordinates import unpack
from disco_dock.screening.ledger.errors import DamagedStoreError, StoreError, damaged, store_errors
from disco_dock.screening.ledger.identity import StoreIdentity
from disco_dock.screening.ledger.schema import RESULT_COLUMNS, STORED_POSE_COLUMNS
from disco_dock.screening.ledger.store import connect
from disco_dock.screening.ledger.values import check_values
from disco_dock.screening.messages import STATUSES

DERIVED = {
    "ligand_efficiency": "-vina_score / nullif(heavy_atoms, 0)",
    "key_residues": "key_residues(interactions)",
}
"""Columns that are made of others; the ligand efficiency is kcal/mol of Vina's score for each heavy atom."""
SHOWN_COLUMNS = (*RESULT_COLUMNS, *DERIVED)
"""Of a result."""
UNMET = "unmet"
"""Ligands that were docked, and have no pose with the interactions that the screen asked for."""
CHOICES = {name: f"status = '{name}'" for name in STATUSES} | {
    "docked": "status = 'docked' AND poses_meeting IS NOT 0",
    UNMET: "status = 'docked' AND poses_meeting = 0",
}
"""What `Query.status` may be, as conditions."""
LOWER_IS_BETTER = frozenset({"vina_score", "strain", "clash_count", "pocket_distance", "position", "seconds"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """Which ligands, and in which order.

    Attributes:
        status: of the rows, `UNMET`, or None for all of them; "docked" are those without the unmet.
        sort: column to sort by, best first; None for the Vina score, or the confidence where there is none.
        min_score: leave out ligands whose number in that column is worse than this.
        where: a condition in SQL over the columns of `SHOWN_COLUMNS`.
        top: how many at most, or None.
        require: interactions that the best pose must have, such as "hbond:A:MET793" or "A:793" for any kind.
        exclude: interactions that it must not have.
        worst_first: turn the order around.
    """

    status: str | None = "docked"
    sort: str | None = None
    min_score: float | None = None
    where: str | None = None
    top: int | None = None
    require: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    worst_first: bool = False

    def __post_init__(self) -> None:
        """Check the names."""
        try:
            check_asked((*self.require, *self.exclude))
        except InputError as error:
            raise ConfigError(str(error)) from error
        if self.status is not None and self.status not in CHOICES:
            raise ConfigError(f"the status is one of {', '.join(CHOICES)}, not {self.status!r}")
        if self.sort is not None and self.sort not in SHOWN_COLUMNS:
            raise ConfigError(f"results are sorted by one of {', '.join(SHOWN_COLUMNS)}, not {self.sort!r}")
        if self.top is not None and self.top < 1:
            raise ConfigError(f"at least 1 ligand is shown, not {self.top}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Pose:
    """One kept pose: its columns, and (atoms, 3) coordinates in Angstrom in the order of the canonical SMILES."""

    columns: dict[str, Any]
    pos: np.ndarray


class Results:
    """A store that is open for reading."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Take an open connection; `open_results` is the usual way."""
        self.path = path
        self._connection = connection

    def rows(self, query: Query) -> Iterator[dict[str, Any]]:
        """Rows with `SHOWN_COLUMNS` and "docked_as", the id of the row that holds the poses.

        Raises:
            ConfigError: the condition is not valid SQL.
        """
        sort = query.sort or self.usual_sort()
        falling = " DESC" if (sort in LOWER_IS_BETTER) == query.worst_first else ""
        conditions, values = ["1"], []
        if query.status is not None:
            conditions.append(CHOICES[query.status])
        if query.min_score is not None:
            conditions.append(f"{sort} {'<=' if sort in LOWER_IS_BETTER else '>='} ?")
            values.append(query.min_score)
        for wanted, asked in ((1, query.require), (0, query.exclude)):
            conditions += ["has_interaction(interactions, ?) = ?"] * len(asked)
            values += [value for text in asked for value in (text, wanted)]
        if query.where:
            conditions.append(f"({query.where})")
        derived = [f"{made} AS {name}" for name, made in DERIVED.items()]
        text = (
            f"SELECT {', '.join((*RESULT_COLUMNS, *derived))}, docked_as FROM result WHERE {' AND '.join(conditions)} "
            f"ORDER BY {sort} IS NULL, {sort}{falling}, id LIMIT ?"
        )
        limit = -1 if query.top is None else query.top
        try:
            with store_errors(self.path):
                found = self._connection.execute(text, (*values, limit))
        except (StoreError, sqlite3.Warning) as error:
            if not query.where or isinstance(error, DamagedStoreError):
                raise
            raise ConfigError(
                f"--where {query.where!r} is no condition ({error.__cause__ or error}); write SQL such as "
                f'"vina_score < -7" over the columns {", ".join(SHOWN_COLUMNS)}'
            ) from error
        columns = [column[0] for column in found.description]
        with store_errors(self.path):
            for row in found:
                check_values(self.path, columns, row)
                yield dict(zip(columns, row, strict=True))

    def usual_sort(self) -> str:
        """The column that ranks ligands when none is named."""
        with store_errors(self.path):
            found = self._connection.execute("SELECT 1 FROM pose WHERE vina_score IS NOT NULL LIMIT 1").fetchone()
        return "confidence" if found is None else "vina_score"

    def unmet(self) -> tuple[int, int]:
        """How many docked ligands have no pose with the interactions that the screen asked for, and of how many."""
        find = f"SELECT count(*) FILTER (WHERE {CHOICES[UNMET]}), count(*) FROM ligand WHERE status = 'docked'"
        with store_errors(self.path):
            return tuple(self._connection.execute(find).fetchone())

    def asked(self) -> str:
        """The interactions that the screen asked for, in words; "" for a screen that asked for none."""
        with store_errors(self.path):
            found = self._connection.execute("SELECT value FROM meta WHERE key = 'identity'").fetchone()
        try:
            require, exclude = StoreIdentity.from_json(found[0]).asked
        except (TypeError, ValueError) as error:
            raise damaged(self.path, "no identity") from error
        return asked_in_words(require, exclude)

    def poses(self, row: dict[str, Any], count: int) -> list[Pose]:
        """Up to `count` kept poses of a row, best first; none for a ligand that was not docked.

        Raises:
            DamagedStoreError: the coordinates cannot be read.
        """
        with store_errors(self.path):
            find = f"SELECT {', '.join(STORED_POSE_COLUMNS)} FROM pose WHERE ligand = ? ORDER BY rank"
            table = self._connection.execute(find, (row["docked_as"],)).fetchall()
            data = self._connection.execute(
                "SELECT data FROM coordinates WHERE ligand = ?", (row["docked_as"],)
            ).fetchone()
        if not table or data is None:
            return []
        for values in table:
            check_values(self.path, STORED_POSE_COLUMNS, values)
        check_values(self.path, ("data",), data)
        try:
            pos = unpack(data[0], len(table), row["heavy_atoms"])
        except ValueError as error:
            raise damaged(self.path, f"poses of {row['name']}: {error}") from error
        pairs = zip(table[:count], pos, strict=False)
        return [Pose(columns=dict(zip(STORED_POSE_COLUMNS, values, strict=True)), pos=one) for values, one in pairs]


@contextmanager
def open_results(path: Path) -> Iterator[Results]:
    """A store, opened for reading only.

    Raises:
        InputError: there is no such file.
        StoreError: it is no store, or damaged.
    """
    connection = connect(path, write=False)
    connection.create_function("has_interaction", 2, _has_interaction, deterministic=True)
    connection.create_function("key_residues", 1, _key_residues, deterministic=True)
    try:
        yield Results(path, connection)
    finally:
        connection.close()


def _has_interaction(words: object, asked: object) -> int:
    """Whether a pose's interactions, as stored, have one that was asked for; for SQL."""
    return int(isinstance(words, str) and isinstance(asked, str) and has(words.split(), asked))


def _key_residues(words: object) -> str | None:
    """The residues that hold a pose, strongest first; for SQL."""
    return " ".join(key_residues(words.split())) or None if isinstance(words, str) else None
