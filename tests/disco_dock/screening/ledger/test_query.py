"""Asking a store: order, filters, exports; while a run is on."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing

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


@pytest.fixture
def held(store, tmp_path):
    """A copy whose best poses of mol0 and mol1 have interactions."""
    copy = tmp_path / "held.sqlite"
    copy.write_bytes(store.read_bytes())
    words = {"mol0": "hbond:A:MET793 hydrophobic:A:LEU718", "mol1": "hydrophobic:A:MET793 salt:A:ASP855"}
    for name, text in words.items():
        query_ = "UPDATE pose SET interactions = ? WHERE ligand = (SELECT id FROM ligand WHERE name = ?)"
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            connection.execute(query_, (text, name))
    return copy


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"require": ("hbond:A:MET793",)}, {"mol0"}),
        ({"require": ("A:793",)}, {"mol0", "mol1"}),
        ({"require": ("A:793",), "exclude": ("salt:A:855",)}, {"mol0"}),
        ({"require": ("A:793", "hbond:A:718")}, set()),
        ({"where": "has_interaction(interactions, 'salt:A:ASP855')"}, {"mol1"}),
        ({"where": "key_residues LIKE 'A:ASP855 %'"}, {"mol1"}),
    ],
)
def test_ligands_are_chosen_by_what_holds_their_best_pose(held, options, names):
    assert {row["name"] for row in ask(held, **options)} == names


def test_a_filter_that_cannot_be_read_is_a_sentence(store):
    with pytest.raises(ConfigError, match="hbond:A:MET793"):
        ask(store, require=("hinge",))


def test_any_column_sorts_in_both_directions(store):
    atoms = [row["heavy_atoms"] for row in ask(store, sort="heavy_atoms", worst_first=True)]
    assert atoms == sorted(atoms) and atoms[0] < atoms[-1]
    worst = ask(store, sort="vina_score", worst_first=True, top=1)[0]
    assert worst["vina_score"] == max(row["vina_score"] for row in ask(store))


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


def test_exports_hold_interactions_and_the_docked_state(store, tmp_path):
    copy = tmp_path / "s.sqlite"
    copy.write_bytes(store.read_bytes())
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute(
            "UPDATE pose SET interactions = 'hbond:A:MET793', contact_score = 3.5, trust = 'probably right'"
        )
        connection.execute("UPDATE ligand SET state = 'O=C(CO)[N-]CO', states = 2 WHERE smiles = 'O=C(CO)NCO'")
    with open_results(copy) as results:
        export(results, Query(where="state IS NOT NULL"), tmp_path / "r.csv")
        export(results, Query(where="state IS NOT NULL"), tmp_path / "r.sdf")
    (row,) = csv.DictReader((tmp_path / "r.csv").open())
    assert (row["interactions"], row["key_residues"]) == ("hbond:A:MET793", "A:MET793")
    assert (row["contact_score"], row["trust"], row["states"]) == ("3.5", "probably right", "2")
    (mol,) = Chem.SDMolSupplier(str(tmp_path / "r.sdf"))
    assert Chem.MolToSmiles(mol) == "O=C(CO)[N-]CO" == mol.GetProp("state")
    assert float(mol.GetProp("ligand_efficiency")) > 0 and mol.GetProp("contact_score") == "3.5"


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
