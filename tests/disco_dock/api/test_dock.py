"""Docking from Python."""

from __future__ import annotations

import csv

import pytest

from disco_dock.api import dock as api
from disco_dock.runtime.errors import ConfigError, InputError
from tests.disco_dock.docking.fake_engine import fake_engine


@pytest.fixture(autouse=True)
def engine(monkeypatch):
    made = fake_engine()
    monkeypatch.setattr(api, "shared_engine", lambda checkpoint, device: made)


def test_three_lines(peptide, tmp_path):
    prediction = api.dock(peptide, "CCO", num_poses=4, steps=2)
    assert len(prediction.poses) == 4
    prediction.to_csv(tmp_path / "t.csv")
    with (tmp_path / "t.csv").open() as file:
        assert [float(row["confidence"]) for row in csv.DictReader(file)] == [
            row["confidence"] for row in prediction.table
        ]


def test_errors(peptide):
    with pytest.raises(InputError):
        api.dock(peptide, "no molecule")
    with pytest.raises(InputError):
        api.dock("absent.pdb", "CCO")
    with pytest.raises(ConfigError):
        api.dock(peptide, "CCO", num_poses=0)


def test_configurations_of_open_stereo(peptide):
    found = api.dock_isomers(peptide, "CC(F)Cl", 4, num_poses=2, steps=2)
    assert {one.ligand.smiles for one in found} == {"C[C@@H](F)Cl", "C[C@H](F)Cl"}
    assert [len(one.poses) for one in found] == [2, 2]
    assert len(api.dock_isomers(peptide, "CCO", 4, num_poses=1, steps=2)) == 1
    with pytest.raises(ConfigError, match="stereo isomers"):
        api.dock_isomers(peptide, "CCO", 0)
