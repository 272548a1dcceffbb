"""The ledger: a row for every record, duplicates, refusals, and what happens when it cannot be written."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from disco_dock.runtime.errors import InputError
from disco_dock.screening.ledger.errors import DamagedStoreError, StoreError
from disco_dock.screening.ledger.lock import is_running, only_run
from disco_dock.screening.ledger.store import Store
from disco_dock.screening.messages import Work
from disco_dock.screening.screen import run_screen
from tests.support.screening import (
    IDENTITY,
    StubPlan,
    content,
    query,
    request,
    screen,
    statuses,
    stub_docked,
    write_library,
)

LINES = """CC(=O)Oc1ccccc1C(=O)O aspirin
OC(=O)c1ccccc1OC(C)=O the same again
C(C broken
C[C@H](N)C(=O)O L-alanine
C[C@@H](N)C(=O)O D-alanine
C[C@H]([NH3+])C(=O)[O-] zwitterion
N[C@@H](C)C(O)=O L-alanine as well
[Na+].[Cl-] salt
[Fe] metal
CCO"""


@pytest.fixture
def library(tmp_path):
    path = tmp_path / "lib.smi"
    path.write_text(LINES + "\n")
    return path


def test_every_line_has_a_row_and_stereo_and_charge_make_a_molecule(tmp_path, library):
    store = tmp_path / "s.sqlite"
    log = tmp_path / "log"
    screen(store, library, plan=StubPlan(log=log))
    rows = query(
        store, "SELECT l.position, l.status, f.position FROM ligand l LEFT JOIN ligand f ON f.id = l.duplicate_of"
    )
    assert [(status, first) for _, status, first in sorted(rows)] == [
        ("docked", None),
        ("duplicate", 0),
        ("failed", None),
        ("docked", None),
        ("docked", None),
        ("docked", None),
        ("duplicate", 3),
        ("failed", None),
        ("failed", None),
        ("docked", None),
    ]
    docked = log.read_text().split()
    assert len(docked) == len(set(docked)) == 5
    (name,) = query(store, "SELECT name FROM ligand WHERE position = 9")
    assert name == ("lib_10",)


def test_a_failure_has_code_message_and_hint(tmp_path, library):
    store = tmp_path / "s.sqlite"
    screen(store, library)
    rows = query(store, "SELECT error_code, message, hint FROM ligand WHERE status = 'failed' ORDER BY id")
    assert rows[0] == ("input", "not a readable SMILES ('C(C')", "check it for typing errors")
    assert all(code == "input" and message and hint for code, message, hint in rows)


def test_a_second_run_docks_nothing_again(tmp_path, library):
    store, log = tmp_path / "s.sqlite", tmp_path / "log"
    screen(store, library, plan=StubPlan(log=log))
    before = content(store)
    log.unlink()
    screen(store, library, plan=StubPlan(log=log))
    assert content(store) == before
    assert not log.exists()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"protein": "q" * 64}, "another protein"),
        ({"checkpoint": "d" * 64}, "another checkpoint"),
        ({"settings": {"num_poses": 9}}, r"num_poses 8 \(now 9\)"),
        ({"files": {"pocket_ligand": "1"}}, "pocket ligand"),
    ],
)
def test_a_store_of_another_screen_is_refused(tmp_path, library, change, word):
    store = tmp_path / "s.sqlite"
    screen(store, library)
    before = content(store)
    with pytest.raises(StoreError, match=word):
        run_screen(request(store, library, identity=replace(IDENTITY, **change)), pytest.fail)
    assert content(store) == before


def test_another_shard_is_refused(tmp_path, library):
    store = tmp_path / "s.sqlite"
    screen(store, library, shard="1/2")
    with pytest.raises(StoreError, match=r"shard 1/2 \(now 2/2\)"):
        screen(store, library, shard="2/2")


@pytest.mark.parametrize("content_", [b"", b"no store at all " * 100])
def test_a_file_that_is_no_store_is_refused(tmp_path, library, content_):
    store = tmp_path / "s.sqlite"
    store.write_bytes(content_)
    with pytest.raises(StoreError):
        screen(store, library)
    assert store.read_bytes() == content_


def test_a_newer_store_is_refused(tmp_path, library):
    store = tmp_path / "s.sqlite"
    screen(store, library)
    query(store, "PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="version 99"):
        screen(store, library)


def test_two_runs_on_one_store_are_refused(tmp_path, library):
    store = tmp_path / "s.sqlite"
    with only_run(store):
        assert is_running(store)
        with pytest.raises(StoreError, match="another disco-dock screen"):
            screen(store, library)
    assert not is_running(store)


def test_an_outcome_that_comes_twice_counts_once(tmp_path):
    path = tmp_path / "s.sqlite"
    library = write_library(tmp_path / "lib.smi", 1)
    screen(path, library)
    before = content(path)
    with Store.open(path) as store:
        work = Work(id=1, smiles="CCO", name="other", heavy_atoms=3)
        assert store.record([stub_docked(work)]) == 0
    assert content(path) == before


def test_retry_failed_waits_again_but_not_what_cannot_be_read(tmp_path, library):
    library.write_text(LINES + "\nCCN nan1\nCCCN nan2\n")
    store = tmp_path / "s.sqlite"
    screen(store, library)
    assert query(store, "SELECT count(*) FROM ligand WHERE error_code = 'numerics'") == [(2,)]
    with Store.open(store) as opened:
        assert opened.retry_failed(["timeout"]) == 0
        assert opened.retry_failed([]) == 2
    assert statuses(store)["pending"] == 2
    log = tmp_path / "log"
    screen(store, library, plan=StubPlan(log=log))
    assert sorted(log.read_text().split()) == ["CCCN", "CCN"]


def test_a_full_disk_stops_with_a_sentence_and_loses_nothing(tmp_path):
    path = tmp_path / "s.sqlite"
    library = write_library(tmp_path / "lib.smi", 400)
    with Store.create(path, IDENTITY, {}) as store:
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    original = sqlite3.connect

    def small(*args, **kwargs):
        connection = original(*args, **kwargs)
        connection.execute(f"PRAGMA max_page_count = {pages + 40}")
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", small)
        with pytest.raises(StoreError, match="disk is full .*run the same command again"):
            screen(path, library)
    done = statuses(path)
    assert done.get("docked", 0) + done.get("pending", 0) > 0
    before = {row for row in content(path) if row[5] == "docked"}
    screen(path, library)
    assert statuses(path) == {"docked": 400}
    assert before <= set(content(path))


def test_damage_is_found_before_any_work(tmp_path):
    path = tmp_path / "s.sqlite"
    screen(path, write_library(tmp_path / "lib.smi", 300))
    damage(path)
    with pytest.raises(DamagedStoreError, match="screen merge NEW.sqlite"):
        screen(path, tmp_path / "lib.smi")


def damage(path):
    """Overwrite a page in the middle of a store."""
    size = query(path, "PRAGMA page_size")[0][0]
    data = bytearray(path.read_bytes())
    page = len(data) // size // 2
    data[page * size : (page + 1) * size] = b"\xa5" * size
    path.write_bytes(bytes(data))


def test_a_store_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no such store"):
        Store.open(tmp_path / "none.sqlite")
