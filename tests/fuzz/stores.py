"""Stores of a screen: a sound one, damaged pages, odd values in its columns, and other tables than ours."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from unittest.mock import patch

from disco_dock.screening.ledger import store
from disco_dock.screening.ledger.schema import PLAIN_TABLES, STORED_POSE_COLUMNS
from disco_dock.screening.library.ingest import CHUNK
from tests.fuzz.edits import Edit, flip_bits, insert_noise, truncate
from tests.fuzz.tables import NAMES
from tests.support.screening import amide, screen

PAGE = 4096
ODD_VALUES = (
    *(None, 0, 1, -1, 2**62, -(2**63), 1.5, 1e308, float("inf"), float("-inf"), float("nan"), "", "x", "nan", b""),
    *(b"\xff\x00", "x\ny", "x\n\n> <y>\nz", "$$$$", "a\n$$$$\nb"),
    *("../../x", "/etc/disco-dock-stray", "=1+1", "\x1b[2J"),
    *("x" * 300_000, "\u202e", "{}", "[1]"),
)
COLUMNS = {
    "ligand": (
        *("id", "library", "position", "name", "smiles", "heavy_atoms", "status", "duplicate_of", "error_code"),
        *("message", "hint", "attempts", "num_poses", "converged", "seconds_total", "finished", "digest"),
    ),
    "library": ("id", "name", "records", "digest", "complete"),
    "pose": STORED_POSE_COLUMNS,
    "coordinates": ("ligand", "data"),
    "meta": ("key", "value"),
}
KEYS = {"meta": "key", "pose": "ligand, rank"}
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
PAIRS = ENDLESS.replace("SELECT i FROM", "SELECT i, i FROM")
SCHEMES = (
    f"DROP VIEW result; CREATE VIEW result AS {ENDLESS}",
    f"DROP TABLE library; CREATE VIEW library AS SELECT i AS id, 'x' AS name, 1 AS records FROM ({ENDLESS})",
    "DROP VIEW result; CREATE VIEW result AS SELECT * FROM result",
    "DROP VIEW result; CREATE TABLE result (id)",
    "DROP TABLE pose",
    "DROP TABLE meta; CREATE TABLE meta (key, value)",
    "ALTER TABLE ligand DROP COLUMN hint",
    f"CREATE TRIGGER t AFTER UPDATE ON ligand BEGIN INSERT INTO meta {PAIRS}; END",
    "CREATE VIRTUAL TABLE v USING fts5(x)",
    "PRAGMA user_version = 2",
    "PRAGMA application_id = 0",
    "PRAGMA encoding = 'UTF-16'; VACUUM",
    "PRAGMA journal_mode = DELETE",
    "DELETE FROM library",
    "DELETE FROM ligand",
    "DELETE FROM pose",
    "DELETE FROM meta",
)


@lru_cache(maxsize=1)
def store_seeds() -> tuple[bytes, ...]:
    """A small store with rows of every status and tricky names, and one of more pages; of an older SQLite."""
    seeds = []
    for count in (20, 2 * CHUNK):
        with TemporaryDirectory() as temporary, patch.object(store, "TABLES", PLAIN_TABLES):  # odd values fit in
            folder = Path(temporary)
            library = folder / "lib.smi"
            lines = [f"{amide(at)} {' '.join(NAMES[at % len(NAMES)].split())}" for at in range(count)]
            library.write_text("\n".join([*lines, "C(C bad", "CCN nan", f"{amide(1)} copy"]) + "\n", encoding="utf-8")
            screen(folder / "s.sqlite", library)
            with closing(sqlite3.connect(folder / "s.sqlite", isolation_level=None)) as connection:
                connection.execute("UPDATE ligand SET finished = 1.7e9 + id")  # the same bytes in every run
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            seeds.append((folder / "s.sqlite").read_bytes())
    return tuple(seeds)


def _pages(data: bytes) -> list[bytes]:
    return [data[start : start + PAGE] for start in range(0, len(data), PAGE)] or [b""]


def edit_pages(data: bytes, rng: Random) -> bytes:
    """Pages emptied, exchanged, copied over others or dropped."""
    pages = _pages(data)
    first, second = rng.randrange(len(pages)), rng.randrange(len(pages))
    kind = rng.randrange(5)
    if kind == 0:
        pages[first] = bytes(PAGE)
    elif kind == 1:
        pages[first], pages[second] = pages[second], pages[first]
    elif kind == 2:
        pages[first] = pages[second]
    elif kind == 3:
        pages[first] = rng.randbytes(PAGE)
    else:
        del pages[first]
    return b"".join(pages)


def edit_page_head(data: bytes, rng: Random) -> bytes:
    """Kind, free blocks, cells or right child of a page, or a pointer to a cell, replaced."""
    start = PAGE * rng.randrange(len(_pages(data))) + rng.choice((*range(12), 12 + 2 * rng.randrange(40)))
    return _put(
        data, start, rng.choice((b"\x00", b"\xff", b"\x00\x00", b"\xff\xff", rng.randbytes(1), rng.randbytes(2)))
    )


def edit_file_head(data: bytes, rng: Random) -> bytes:
    """A number of the file's own header replaced: page size, versions, counts, encoding."""
    start = rng.randrange(100)
    return _put(data, start, rng.choice((b"\x00", b"\x01", b"\x02", b"\xff", b"\xff\xff\xff\xff", rng.randbytes(4))))


def _put(data: bytes, start: int, value: bytes) -> bytes:
    return data[:start] + value + data[start + len(value) :]


STORE_EDITS: tuple[Edit, ...] = (edit_pages, edit_page_head, edit_file_head)
BYTES: tuple[Edit, ...] = (flip_bits, flip_bits, truncate, insert_noise)


def odd_values(path: Path, rng: Random) -> None:
    """Values of any type in one to four cells of a store, whatever its checks say."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        table = rng.choice(tuple(COLUMNS))
        column = rng.choice(COLUMNS[table])
        value = rng.choice((*ODD_VALUES, *NAMES, json.dumps({"shard": rng.choice((1, "x", "1/0", "1"))})))
        where = ""
        if rng.random() < 0.7:
            key = KEYS.get(table, "rowid")
            where = f" WHERE ({key}) IN (SELECT {key} FROM {table} LIMIT 1 OFFSET {rng.randrange(20)})"
        sql = f"UPDATE {table} SET {column} = ?{where}"
        _change(path, lambda run, sql=sql, value=value: run.execute(sql, (value,)))


def other_scheme(path: Path, rng: Random) -> None:
    """Tables, views, triggers or rows that no screen makes."""
    script = rng.choice(SCHEMES)
    _change(path, lambda run: run.executescript(script))


def _change(path: Path, change: Callable[[sqlite3.Connection], object]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        try:
            change(connection)
        except (sqlite3.Error, UnicodeError):  # a value that the column cannot take
            connection.execute("PRAGMA user_version")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
