"""Stores that no screen has written: values of other types, other tables, coordinates that unpack to gigabytes."""

from __future__ import annotations

import csv
import sqlite3
import zlib
from contextlib import closing

import pytest
from rdkit import Chem

from disco_dock.cli.main import main
from disco_dock.screening.export import export
from disco_dock.screening.ledger import store as store_module
from disco_dock.screening.ledger.coordinates import unpack
from disco_dock.screening.ledger.errors import DamagedStoreError, StoreError
from disco_dock.screening.ledger.merge import merge
from disco_dock.screening.ledger.query import SHOWN_COLUMNS, Query, open_results
from disco_dock.screening.ledger.schema import PLAIN_TABLES, STRICT
from disco_dock.screening.ledger.status import store_status
from disco_dock.screening.ledger.store import Store
from tests.support.screening import query, screen, statuses, write_library


@pytest.fixture
def store(tmp_path, monkeypatch):
    """With the tables of an older SQLite, which takes values of any type."""
    monkeypatch.setattr(store_module, "TABLES", PLAIN_TABLES)
    path = tmp_path / "s.sqlite"
    screen(path, write_library(tmp_path / "lib.smi", 12))
    return path


def change(path, sql, *values):
    """Write to a store whatever its checks say."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(sql, values)


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id FROM n"


@pytest.mark.parametrize(
    "script",
    [
        f"DROP VIEW result; CREATE VIEW result AS {ENDLESS}",
        f"CREATE TRIGGER t AFTER UPDATE ON ligand BEGIN INSERT INTO meta {ENDLESS.replace('i AS id', 'i, i')}; END",
        "DROP TABLE pose",
        "ALTER TABLE ligand RENAME COLUMN hint TO help",
    ],
)
def test_other_tables_views_and_triggers_are_refused(tmp_path, store, script):
    with closing(sqlite3.connect(store)) as connection:
        connection.executescript(script)
    for use in (store_status, Store.open, lambda path: merge(tmp_path / "m.sqlite", [path])):
        with pytest.raises(StoreError, match="has other tables than a store"):
            use(store)
    with pytest.raises(StoreError, match="has other tables"), open_results(store):
        pass


@pytest.mark.parametrize(
    ("column", "value"),
    [("name", b"x"), ("heavy_atoms", "many"), ("seconds_total", float("inf")), ("position", -1), ("smiles", b"C")],
)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_values_of_another_type_are_damage(tmp_path, store, column, value, suffix):
    change(store, f"UPDATE ligand SET {column} = ? WHERE position = 3", value)
    with open_results(store) as results, pytest.raises(DamagedStoreError, match=r"seconds|" + column):
        export(results, Query(), tmp_path / f"x.{suffix}")
    assert not (tmp_path / f"x.{suffix}").exists()


@pytest.mark.parametrize(("heavy_atoms", "score"), [(0, -7.0), (1, -1e308), (2**62, 1e308)])
def test_the_efficiency_of_an_absurd_ligand_is_a_number_or_absent(tmp_path, store, heavy_atoms, score):
    change(store, "UPDATE ligand SET heavy_atoms = ?", heavy_atoms)
    change(store, "UPDATE pose SET vina_score = ?", score)
    with open_results(store) as results:
        for suffix in ("csv", "parquet"):
            assert export(results, Query(), tmp_path / f"x.{suffix}") == 12
    with (tmp_path / "x.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {tuple(row) for row in rows} == {SHOWN_COLUMNS}
    assert {row["ligand_efficiency"] for row in rows} == {str(round(-score / heavy_atoms, 4)) if heavy_atoms else ""}


@pytest.mark.skipif(not STRICT, reason="SQLite before 3.37")
def test_a_new_store_refuses_values_of_another_type(tmp_path):
    screen(tmp_path / "new.sqlite", write_library(tmp_path / "lib.smi", 3))
    with pytest.raises(sqlite3.IntegrityError, match="cannot store TEXT value in INTEGER column"):
        change(tmp_path / "new.sqlite", "UPDATE ligand SET heavy_atoms = ?", "many")


def test_a_store_of_an_older_sqlite_goes_on(tmp_path, store):
    library = write_library(tmp_path / "lib.smi", 15)
    screen(store, library)
    assert statuses(store) == {"docked": 15}


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("library", "records", "all"),
        ("library", "name", b"x"),
        ("ligand", "finished", "now"),
        ("ligand", "status", "x"),
    ],
)
def test_status_of_odd_values_is_damage(store, table, column, value):
    change(store, f"UPDATE {table} SET {column} = ?", value)
    with pytest.raises(DamagedStoreError, match=f"{column}|library"):
        store_status(store)


@pytest.mark.parametrize(
    ("column", "value"), [("digest", 1.5), ("name", b"x"), ("status", "gone"), ("error_code", "x"), ("position", -1)]
)
def test_merge_passes_over_rows_that_no_screen_has_written(tmp_path, store, column, value):
    change(store, f"UPDATE ligand SET {column} = ? WHERE position = 3", value)
    report = merge(tmp_path / "m.sqlite", [store])
    assert (report.rows, report.lost) == (11, 1)


def test_merge_ends_when_the_id_of_a_row_is_absurd(tmp_path, store):
    change(store, "UPDATE ligand SET id = ? WHERE position = 3", 2**62)
    report = merge(tmp_path / "m.sqlite", [store])
    assert (report.rows, report.lost) == (11, 1)


@pytest.mark.parametrize(("column", "value"), [("vina_score", "low"), ("rank", -1)])
def test_merge_docks_again_what_has_odd_poses(tmp_path, store, column, value):
    change(store, f"UPDATE pose SET {column} = ? WHERE ligand = 2 AND rank = 1", value)
    assert merge(tmp_path / "m.sqlite", [store]).lost == 1
    assert statuses(tmp_path / "m.sqlite") == {"docked": 11, "pending": 1}


@pytest.mark.parametrize("text", ["[" * 100_000, "{}", '{"shard": 1}', "[1]"])
def test_an_identity_that_is_none(tmp_path, store, text):
    change(store, "UPDATE meta SET value = ? WHERE key = 'identity'", text)
    with pytest.raises(StoreError, match="nothing can be saved"):
        merge(tmp_path / "m.sqlite", [store])
    with Store.open(store) as opened, pytest.raises(DamagedStoreError, match="no identity"):
        assert opened.identity


@pytest.mark.parametrize("smiles", ["C(C", "CCCCCCCCCCCCCCCCCCCCCCCCCCCC"])
def test_a_smiles_that_is_not_of_the_poses_is_damage(tmp_path, store, smiles):
    change(store, "UPDATE ligand SET smiles = ? WHERE position = 3", smiles)
    with open_results(store) as results, pytest.raises(DamagedStoreError, match="molecule of mol3"):
        export(results, Query(), tmp_path / "x.sdf")


def test_coordinates_that_unpack_to_more_than_they_may():
    bomb = b"s" + zlib.compress(b"\0" * (64 << 20), 9)
    with pytest.raises(ValueError, match="do not fit"):
        unpack(bomb, 2, 20)
    with pytest.raises(ValueError, match="no coordinates"):
        unpack(bomb, 2, 10**12)
    with pytest.raises(ValueError, match="no coordinates"):
        unpack(bomb, 2, -20)


def test_names_cannot_leave_their_record_or_the_folder(tmp_path, store):
    """Titles and the library's name go into tags: on one line, and never the end of a record."""
    odd = ("../../x", "/etc/disco-dock-stray", "a\n$$$$\nb", "x\n\n> <smiles>\nCCC", "$$$$")
    for position, name in enumerate(odd):
        change(store, "UPDATE ligand SET name = ? WHERE position = ?", name, position)
    change(store, "UPDATE library SET name = ?", "$$$$\n\n$$$$.smi")
    with open_results(store) as results:
        for suffix in ("csv", "sdf", "parquet"):
            assert export(results, Query(), tmp_path / f"x.{suffix}") == 12
    made = {item.name for item in tmp_path.iterdir() if not item.name.startswith("s.sqlite")}  # SQLite's own files
    assert made == {"lib.smi", "x.csv", "x.sdf", "x.parquet"}
    mols = list(Chem.SDMolSupplier(str(tmp_path / "x.sdf")))
    smiles = {row[0] for row in query(store, "SELECT smiles FROM ligand")}
    assert {Chem.MolToSmiles(mol) for mol in mols} == {mol.GetProp("smiles") for mol in mols} == smiles


def test_a_damaged_page_is_a_sentence_on_the_command_line(tmp_path, store, capsys):
    data = bytearray(store.read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096 + 3 : page * 4096 + 8] = b"\xff" * 5
    store.write_bytes(bytes(data))
    for arguments in (
        ["results", str(store)],
        ["screen", "status", str(store)],
        ["screen", "retry-failed", str(store)],
    ):
        assert main(arguments) == 1
        assert "the store is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["csv", "sdf"])
def test_a_store_without_identity_is_refused_before_a_file_is_written(tmp_path, store, suffix, capsys):
    change(store, "UPDATE ligand SET poses_meeting = 0 WHERE status = 'docked' AND position = 3")
    change(store, "UPDATE meta SET value = ? WHERE key = 'identity'", "{}")
    target = tmp_path / f"x.{suffix}"
    assert main(["results", str(store), "-o", str(target)]) != 0
    assert not target.exists() and "identity" in capsys.readouterr().err
