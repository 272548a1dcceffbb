"""Reading libraries into the ledger: growth, change, repair, other files."""

from __future__ import annotations

import gzip

import pytest

from disco_dock.screening.ledger.errors import StoreError
from tests.support.screening import StubPlan, content, query, screen, statuses, write_library


@pytest.fixture
def store(tmp_path):
    return tmp_path / "s.sqlite"


def test_a_grown_file_costs_only_its_new_ligands(tmp_path, store):
    library = write_library(tmp_path / "lib.smi", 300)
    screen(store, library)
    log = tmp_path / "log"
    write_library(library, 310)
    screen(store, library, plan=StubPlan(log=log))
    assert len(log.read_text().split()) == 10
    assert statuses(store) == {"docked": 310}


def test_another_file_costs_only_what_is_new_in_it(tmp_path, store):
    screen(store, write_library(tmp_path / "one.smi", 50))
    log = tmp_path / "log"
    screen(store, write_library(tmp_path / "two.smi", 50, start=40), plan=StubPlan(log=log))
    assert len(log.read_text().split()) == 40
    assert statuses(store) == {"docked": 90, "duplicate": 10}
    assert query(store, "SELECT name, records, complete FROM library") == [("one.smi", 50, 1), ("two.smi", 50, 1)]


def test_several_files_at_once(tmp_path, store):
    screen(store, write_library(tmp_path / "one.smi", 20), write_library(tmp_path / "two.smi", 20, start=20))
    assert statuses(store) == {"docked": 40}


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        (["CCN other", "CCCO b", "CCF c"], "changed some of the 3 records"),
        (["CCO a", "CCCO b", "CCF renamed"], "changed some"),
        (["CCCO b", "CCO a", "CCF c"], "changed some"),
        (["CCO a", "CCCO b"], "lost some of the 3 records"),
    ],
)
def test_a_changed_file_is_refused_and_the_store_stays(tmp_path, store, lines, word):
    library = tmp_path / "lib.smi"
    library.write_text("CCO a\nCCCO b\nCCF c\n")
    screen(store, library)
    before = content(store)
    library.write_text("\n".join(lines) + "\n")
    with pytest.raises(StoreError, match=word):
        screen(store, library)
    assert content(store) == before


def test_a_file_that_breaks_off_is_read_as_far_as_it_goes_and_later_to_its_end(tmp_path, store):
    whole = write_library(tmp_path / "whole.smi", 300).read_bytes()
    library = tmp_path / "lib.smi.gz"
    data = gzip.compress(whole)
    library.write_bytes(data[: len(data) // 2])
    end = screen(store, library)
    assert len(end.broken) == 1
    assert "cannot be read" in end.broken[0]
    part = statuses(store)["docked"]
    assert 0 < part < 300
    library.write_bytes(data)
    assert screen(store, library).broken == ()
    assert statuses(store) == {"docked": 300}


def test_rows_that_are_lost_are_entered_again(tmp_path, store):
    library = write_library(tmp_path / "lib.smi", 300)
    screen(store, library)
    before = content(store)
    query_and_commit(store, "DELETE FROM ligand WHERE position IN (3, 130, 299)")
    log = tmp_path / "log"
    screen(store, library, plan=StubPlan(log=log))
    assert len(log.read_text().split()) == 3
    assert [row[:9] for row in content(store)] == [row[:9] for row in before]


def query_and_commit(store, sql):
    import sqlite3

    connection = sqlite3.connect(store)
    for table in ("pose", "coordinates"):
        condition = sql.partition("WHERE")[2]
        connection.execute(f"DELETE FROM {table} WHERE ligand IN (SELECT id FROM ligand WHERE {condition})")
    connection.execute(sql)
    connection.commit()
    connection.close()


def test_names_from_files_stay_on_one_short_line(tmp_path, store):
    library = tmp_path / "lib.csv"
    library.write_text(f'smiles,name\nCCO,"../../etc/passwd\n\nx"\nCCN,{"long " * 1000}\nCCF,\n')
    screen(store, library)
    names = [name for (name,) in query(store, "SELECT name FROM ligand ORDER BY position")]
    assert names[0] == "../../etc/passwd x"
    assert len(names[1]) <= 200
    assert names[2] == "lib_3"


def test_configurations_are_entries_of_their_own(tmp_path, store):
    """Named after the molecule, numbered through, the same in a second run, and shared out among shards."""
    library = tmp_path / "lib.smi"
    library.write_text("CC(F)Cl open\nCCO none\nC(C broken\nC/C=C/C(F)Cl\n")
    screen(store, library, stereo_isomers=4)
    found = query(store, "SELECT position, name, smiles FROM ligand ORDER BY position")
    assert [(place, name) for place, name, _ in found] == list(
        enumerate(["open_iso1", "open_iso2", "none", "broken", "lib_4_iso1", "lib_4_iso2"])
    )
    assert {smiles for _, name, smiles in found if name.startswith("open")} == {"C[C@H](F)Cl", "C[C@@H](F)Cl"}
    log = tmp_path / "log"
    screen(store, library, plan=StubPlan(log=log), stereo_isomers=4)
    assert not log.exists() and len(query(store, "SELECT 1 FROM ligand")) == 6
