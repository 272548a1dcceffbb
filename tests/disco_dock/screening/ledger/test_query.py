"""Asking a store: order, filters, exports; while a run is on."""

from __future__ import annotations

import csv
import sqlite3

import numpy as np
import pytest
from rdkit import Chem

from disco_dock.runtime.errors import ConfigError
from disco_dock.screening.export import export
from disco_dock.screening.ledger.errors import DamagedStoreError
from disco_dock.screening.ledger.query import SHOWN_COLUMNS, Query, open_results
from disco_dock.screening.ledger.status import store_status
from disco_dock.screening.ledger.store import Store
from disco_dock.screening.messages import Work
from tests.support.screening import query, screen, stub_docked, write_library


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    library = write_library(folder / "lib.smi", 30)
    with library.open("a") as file:
        file.write("C(C bad\nCCN nan\nO=C(CO)NCO copy\n")
    screen(folder / "s.sqlite", library)
    return folder / "s.sqlite"


def ask(store, **options):
    with open_results(store) as results:
        return list(results.rows(Query(**options)))


def test_the_best_come_first(store):
    scores = [row["vina_score"] for row in ask(store)]
    assert len(scores) == 30
    assert scores == sorted(scores)
    confident = [row["confidence"] for row in ask(store, sort="confidence", top=7)]
    assert confident == sorted((-score for score in scores), reverse=True)[:7]


def test_filters(store):
    limit = ask(store)[10]["vina_score"]
    assert len(ask(store, min_score=limit)) == 11
    assert {row["status"] for row in ask(store, status=None)} == {"docked", "failed", "duplicate"}
    assert [row["error_code"] for row in ask(store, status="failed", sort="position")] == ["input", "numerics"]
    assert len(ask(store, where="heavy_atoms < 9 OR name = 'mol5'")) < 30
    (copy,) = ask(store, status="duplicate")
    (first,) = ask(store, where="name = 'mol0'")
    assert copy["duplicate_of"] == "mol0"
    assert copy["vina_score"] == first["vina_score"]


@pytest.mark.parametrize("where", ["nonsense", "1; DROP TABLE ligand", "vina_score <", "1) --", "?"])
def test_a_wrong_condition_is_a_sentence_and_changes_nothing(store, where):
    with pytest.raises(ConfigError, match="is no condition"):
        ask(store, where=where)
    assert len(ask(store)) == 30


def test_a_condition_cannot_write(store):
    with pytest.raises(ConfigError):
        ask(store, where="1 IN (DELETE FROM ligand RETURNING 1)")


@pytest.mark.parametrize("options", [{"status": "gone"}, {"sort": "digest; --"}, {"top": 0}])
def test_wrong_names_are_refused(options):
    with pytest.raises(ConfigError):
        Query(**options)


def test_csv(store, tmp_path):
    with open_results(store) as results:
        assert export(results, Query(status=None), tmp_path / "r.csv") == 33
    with (tmp_path / "r.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == SHOWN_COLUMNS
    assert len(rows) == 33
    assert float(rows[0]["vina_score"]) <= float(rows[1]["vina_score"])


def test_sdf_holds_the_poses_with_hydrogens_and_scores(store, tmp_path):
    with open_results(store) as results:
        assert export(results, Query(top=5), tmp_path / "r.sdf", poses=2) == 5
        rows = list(results.rows(Query(top=5)))
    mols = list(Chem.SDMolSupplier(str(tmp_path / "r.sdf")))
    assert len(mols) == 10
    for mol, row in zip(mols[::2], rows, strict=True):
        assert Chem.MolToSmiles(mol) == row["smiles"]
        assert mol.GetProp("_Name") == row["name"]
        assert float(mol.GetProp("vina_score")) == row["vina_score"]
    work = Work(id=1, smiles=rows[0]["smiles"], name="", heavy_atoms=rows[0]["heavy_atoms"])
    with open_results(store) as results:
        (pose, _) = results.poses(rows[0], 2)
    assert len(pose.pos) == work.heavy_atoms
    np.testing.assert_allclose(mols[0].GetConformer().GetPositions(), pose.pos, atol=1e-3)
    assert stub_docked(work).poses[0]["vina_score"] == pose.columns["vina_score"]


def test_parquet(store, tmp_path):
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    with open_results(store) as results:
        export(results, Query(status=None), tmp_path / "r.parquet")
        rows = list(results.rows(Query(status=None)))
    table = parquet.read_table(tmp_path / "r.parquet").to_pylist()
    assert [row["name"] for row in table] == [row["name"] for row in rows]
    assert [row["vina_score"] for row in table] == [row["vina_score"] for row in rows]


def test_another_suffix_is_refused(store, tmp_path):
    with open_results(store) as results, pytest.raises(ConfigError, match=r"\.csv, \.sdf or \.parquet"):
        export(results, Query(), tmp_path / "r.xlsx")


def test_damaged_coordinates_are_found(store, tmp_path):
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(store.read_bytes())
    connection = sqlite3.connect(copy)
    connection.execute("UPDATE coordinates SET data = CAST(substr(data, 1, 20) || x'00' || substr(data, 22) AS BLOB)")
    connection.commit()
    connection.close()
    with open_results(copy) as results, pytest.raises(DamagedStoreError, match="poses of"):
        export(results, Query(), tmp_path / "r.sdf")
    assert not (tmp_path / "r.sdf").exists()


def test_status_adds_up(store):
    status = store_status(store)
    assert status.counts.total == 33
    assert status.counts.of("pending") == 0
    assert status.seconds_left == 0
    assert status.libraries[0].records == 33
    assert status.running is False
    assert status.mean_seconds == pytest.approx(1.7)


def test_a_store_can_be_asked_while_a_run_writes(store):
    with Store.open(store) as writer, writer.transaction() as run:
        run.execute("UPDATE ligand SET name = name || ' '")
        assert len(ask(store)) == 30
        run.execute("UPDATE ligand SET name = trim(name)")


def test_a_ligand_takes_less_than_a_kilobyte(tmp_path):
    from tests.support.screening import amide

    library = tmp_path / "lib.smi"
    library.write_text("".join(f"{amide(9000 + number)} mol{number}\n" for number in range(400)))
    screen(tmp_path / "s.sqlite", library)
    query(tmp_path / "s.sqlite", "PRAGMA wal_checkpoint")
    assert (tmp_path / "s.sqlite").stat().st_size / 400 < 1000
