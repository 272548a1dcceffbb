"""Joining the stores of shards, and saving what a damaged store still holds."""

from __future__ import annotations

import logging
import random
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from disco_dock.screening.ledger.errors import StoreError
from disco_dock.screening.ledger.lock import only_run
from disco_dock.screening.ledger.merge import merge
from disco_dock.screening.ledger.query import Query, open_results
from disco_dock.screening.ledger.schema import ADDED_COLUMNS, OLDER_TABLES, OLDER_VERSION, strict
from disco_dock.screening.ledger.store import Store
from disco_dock.screening.screen import run_screen
from tests.support.screening import (
    IDENTITY,
    StubPlan,
    amide,
    content,
    query,
    request,
    screen,
    statuses,
    write_library,
)

logger = logging.getLogger(__name__)


@pytest.fixture
def library(tmp_path):
    """60 records: molecules, copies of earlier ones, and lines that are none."""
    path = tmp_path / "lib.smi"
    numbers = [number if number % 5 else number // 2 for number in range(60)]
    lines = [f"{amide(number)} mol{at}" if at % 7 != 3 else f"C(C bad{at}" for at, number in enumerate(numbers)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("count", [2, 3, 7])
def test_merged_shards_are_the_run_without_shards(tmp_path, library, count):
    screen(tmp_path / "all.sqlite", library)
    stores = []
    for index in range(1, count + 1):
        stores.append(tmp_path / f"shard{index}.sqlite")
        screen(stores[-1], library, shard=f"{index}/{count}")
    rows = [sum(statuses(store).values()) for store in stores]
    assert sum(rows) == 60
    random.Random(count).shuffle(stores)
    report = merge(tmp_path / "merged.sqlite", stores)
    assert (report.rows, report.lost, report.notes) == (60, 0, ())
    assert content(tmp_path / "merged.sqlite") == content(tmp_path / "all.sqlite")
    log = tmp_path / "log"
    screen(tmp_path / "merged.sqlite", library, plan=StubPlan(log=log))
    assert not log.exists()


def test_a_molecule_that_one_shard_has_docked_and_another_waits_for_is_docked(tmp_path):
    library = tmp_path / "lib.smi"
    library.write_text("CCO first\nOCC second\n")
    first, second = tmp_path / "1.sqlite", tmp_path / "2.sqlite"
    run_screen(replace(request(first, library, shard="1/2"), stop_after=0.0), inline)
    screen(second, library, shard="2/2")
    assert statuses(first) == {"pending": 1}
    merge(tmp_path / "m.sqlite", [first, second])
    rows = query(tmp_path / "m.sqlite", "SELECT name, status, duplicate_of FROM ligand ORDER BY position")
    assert rows == [("first", "docked", None), ("second", "duplicate", 1)]


def inline():
    from disco_dock.screening.workers.inline import InlinePool

    return InlinePool(StubPlan())


def test_missing_shards_are_named_and_docked_by_a_run_on_the_merged_store(tmp_path, library):
    stores = [tmp_path / f"{index}.sqlite" for index in (1, 3)]
    for index, store in zip((1, 3), stores, strict=True):
        screen(store, library, shard=f"{index}/3")
    report = merge(tmp_path / "m.sqlite", stores)
    assert "shards 2/3 are not here" in report.notes[0]
    screen(tmp_path / "m.sqlite", library)
    screen(tmp_path / "all.sqlite", library)
    # a molecule's first row may be another one now; what became of each molecule is the same
    kinds = "SELECT position, name, status = 'failed', smiles FROM ligand ORDER BY position"
    assert query(tmp_path / "m.sqlite", kinds) == query(tmp_path / "all.sqlite", kinds)
    docked = "SELECT smiles, digest FROM ligand WHERE status = 'docked' ORDER BY smiles"
    assert query(tmp_path / "m.sqlite", docked) == query(tmp_path / "all.sqlite", docked)


def test_stores_of_different_screens_are_refused(tmp_path, library):
    one, two = tmp_path / "1.sqlite", tmp_path / "2.sqlite"
    screen(one, library, shard="1/2")
    other = replace(IDENTITY, checkpoint="d" * 64)
    run_screen(request(two, library, shard="2/2", identity=other), inline)
    with pytest.raises(StoreError, match="another checkpoint"):
        merge(tmp_path / "m.sqlite", [one, two])
    assert not (tmp_path / "m.sqlite").exists()


def test_stores_that_read_different_files_of_one_name_are_refused(tmp_path):
    stores = []
    for index in (1, 2):
        library = tmp_path / str(index) / "lib.smi"
        library.parent.mkdir()
        stores.append(tmp_path / f"{index}.sqlite")
        screen(stores[-1], write_library(library, 10, start=index), shard=f"{index}/2")
    with pytest.raises(StoreError, match="different files named lib.smi"):
        merge(tmp_path / "m.sqlite", stores)


def test_shards_of_different_counts_are_refused(tmp_path, library):
    stores = [tmp_path / "1.sqlite", tmp_path / "2.sqlite"]
    for store, shard in zip(stores, ("1/2", "2/3"), strict=True):
        screen(store, library, shard=shard)
    with pytest.raises(StoreError, match="overlap"):
        merge(tmp_path / "m.sqlite", stores)


def test_a_store_that_is_being_written_is_not_merged(tmp_path, library):
    screen(tmp_path / "1.sqlite", library)
    with only_run(tmp_path / "1.sqlite"), pytest.raises(StoreError, match="is running on it"):
        merge(tmp_path / "m.sqlite", [tmp_path / "1.sqlite"])


def test_merge_never_overwrites(tmp_path, library):
    screen(tmp_path / "1.sqlite", library)
    before = content(tmp_path / "1.sqlite")
    with pytest.raises(StoreError, match="exists already"):
        merge(tmp_path / "1.sqlite", [tmp_path / "1.sqlite"])
    assert content(tmp_path / "1.sqlite") == before


@pytest.mark.parametrize(("place", "least"), [(0.3, 0), (0.5, 150), (0.7, 150), (0.9, 150)])
def test_what_a_damaged_store_holds_is_saved_and_the_rest_docked_again(tmp_path, place, least):
    """A page of rows costs those rows; one that all other pages of a table hang on costs all, and is made up for."""
    library = write_library(tmp_path / "lib.smi", 200)
    store, saved, log = tmp_path / "s.sqlite", tmp_path / "saved.sqlite", tmp_path / "log"
    screen(store, library)
    before = content(store)
    size = query(store, "PRAGMA page_size")[0][0]
    data = bytearray(store.read_bytes())
    page = int(len(data) // size * place)
    data[page * size : (page + 1) * size] = random.Random(1).randbytes(size)
    store.write_bytes(bytes(data))
    report = merge(saved, [store])
    kept = statuses(saved).get("docked", 0)
    assert report.lost >= 200 - kept
    screen(saved, library, plan=StubPlan(log=log))
    again = len(log.read_text().split()) if log.exists() else 0
    assert content(saved) == before
    assert again == 200 - kept
    assert kept >= least
    logger.info("page %d damaged: %d of 200 ligands kept", page, kept)


def test_a_store_without_a_head_cannot_be_saved(tmp_path, library):
    store = tmp_path / "s.sqlite"
    screen(store, library)
    data = bytearray(store.read_bytes())
    data[:4096] = b"\x00" * 4096
    store.write_bytes(bytes(data))
    with pytest.raises(StoreError, match="nothing can be saved"):
        merge(tmp_path / "m.sqlite", [store])


def test_the_merged_store_keeps_what_it_is(tmp_path, library):
    screen(tmp_path / "s.sqlite", library, shard="2/4")
    merge(tmp_path / "m.sqlite", [tmp_path / "s.sqlite"])
    with Store.open(tmp_path / "m.sqlite") as store:
        assert store.identity == replace(IDENTITY, shard="2/4")


@pytest.mark.parametrize("tables", [OLDER_TABLES, strict(OLDER_TABLES)])
def test_an_older_store_is_refused_and_merge_converts_it(tmp_path, library, tables):
    new, old = tmp_path / "new.sqlite", tmp_path / "old.sqlite"
    screen(new, library)
    with closing(sqlite3.connect(old)) as connection:
        connection.executescript(f"PRAGMA application_id = 0x44495343; PRAGMA user_version = {OLDER_VERSION}; {tables}")
        connection.execute("ATTACH ? AS new", (str(new),))
        for table in ("meta", "library", "ligand", "pose", "coordinates"):
            columns = [row[1] for row in connection.execute(f"PRAGMA new.table_info({table})")]
            kept = ", ".join(name for name in columns if name not in ADDED_COLUMNS)
            connection.execute(f"INSERT INTO {table} ({kept}) SELECT {kept} FROM new.{table}")
        connection.commit()
    with pytest.raises(StoreError, match="merge NEW_STORE"):
        screen(old, library)
    with pytest.raises(StoreError, match="merge NEW_STORE"), open_results(old):
        pass
    merge(tmp_path / "converted.sqlite", [old])
    assert content(tmp_path / "converted.sqlite") == content(new)
    screen(tmp_path / "converted.sqlite", library)
    with open_results(tmp_path / "converted.sqlite") as results:
        assert all(row["contact_score"] is None for row in results.rows(Query()))
