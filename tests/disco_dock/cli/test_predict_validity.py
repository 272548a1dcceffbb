"""`disco-dock predict` with checks of its poses, end to end with a fake engine and the real PoseBusters."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from disco_dock.data.novelty import FORMAT, Cell, MeasuredRates, NoveltyRates, write_rates
from disco_dock.data.training_index import build_index, write_index
from disco_dock.docking import engine
from disco_dock.physics.settings import NO_PHYSICS
from tests.disco_dock.cli.test_predict import FILES, names, rows
from tests.disco_dock.docking.fake_engine import fake_engine
from tests.support.shards import made_up_shards

LIGAND = "CC(=O)Nc1ccc(O)cc1"


def predict(disco, peptide, *options):
    return disco("predict", "--protein", peptide, "--ligand", LIGAND, "-o", "out", "--steps", 2, *options)


def test_every_pose_has_its_verdict_everywhere(disco, peptide, tmp_path):
    pytest.importorskip("posebusters")
    done = predict(disco, peptide, "--num-poses", 4)
    assert done.status == 0, done.err
    table = rows(tmp_path / "out" / "results.csv")
    verdicts = [row["valid"] for row in table]
    assert set(verdicts) <= {"true", "false"} and "valid" in done.out.splitlines()[0]
    assert all(bool(row["failed_checks"]) == (row["valid"] == "false") for row in table)
    assert f"{verdicts.count('true')} of 4 checked poses" in done.out
    record = json.loads((tmp_path / "out" / "run.json").read_text())["validity"]
    assert [pose["failed_checks"] for pose in record["poses"]] == [row["failed_checks"].split() for row in table]
    assert (tmp_path / "out" / "poses.sdf").read_text().count("<valid>") == 4
    few = predict(disco, peptide, "--num-poses", 4, "--check-poses", 1, "--overwrite")
    assert few.status == 0
    assert [bool(row["valid"]) for row in rows(tmp_path / "out" / "results.csv")] == [True, False, False, False]
    report = predict(disco, peptide, "--num-poses", 4, "--report")
    text = (tmp_path / "out" / "report.html").read_text()
    assert report.status == 0 and "of 4 checked poses are valid" in text


def test_valid_only_with_a_budget(disco, peptide, tmp_path):
    pytest.importorskip("posebusters")
    done = predict(disco, peptide, "--num-poses", 3, "--valid-only", "--valid-budget", 12)
    assert done.status == 0, done.err
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    found = record["validity"]
    assert 3 <= found["draws"] <= 12 and found["budget"] == 12
    assert found["acceptance_rate"] == pytest.approx(found["valid"] / found["draws"], abs=1e-4)
    told = [note for note in record["notes"] if "--valid-budget" in note]
    assert len(told) == (found["valid"] < 3)
    rejected = found["draws"] - len(rows(tmp_path / "out" / "results.csv"))
    assert names(tmp_path / "out") == FILES | ({"poses_rejected.sdf"} if rejected else set())
    if rejected:
        assert (tmp_path / "out" / "poses_rejected.sdf").read_text().count("$$$$") == rejected


def test_novelty_is_told(disco, peptide, tmp_path, monkeypatch):
    assert "no training index" in predict(disco, peptide, "--num-poses", 2, "--check-poses", 0, "-v").err
    assert not rows(tmp_path / "out" / "results.csv")[0]["train_identity"]
    made = fake_engine()
    made.models.directory = checkpoint = Path(tmp_path / "checkpoint")
    write_index(checkpoint / "training_index.xz", build_index([made_up_shards()], ["made0"]))
    cell = Cell(protein="90 % or more", ligand="0.7 or more", complexes=3, under_2=2, under_5=3)
    measured = MeasuredRates(physics=NO_PHYSICS, num_poses=40, source="made up", cells=(cell,))
    write_rates(checkpoint, NoveltyRates(format=FORMAT, measured=(measured,)))
    monkeypatch.setattr(engine, "load_engine", lambda *arguments: made)
    shutil.rmtree(tmp_path / "out")
    done = predict(disco, peptide, "--num-poses", 2, "--check-poses", 0, "--report", "-v")
    assert done.status == 0, done.err
    assert "100 % identity (made0)" in done.err and "of 3 measured complexes (made up)" in done.err
    assert "so few say little" in done.err and "warning: this complex was trained on (as made0)" in done.err
    row = rows(tmp_path / "out" / "results.csv")[0]
    assert (row["train_identity"], row["train_tanimoto"]) == ("1.0", "1.0")
    novelty = json.loads((tmp_path / "out" / "run.json").read_text())["novelty"]
    assert novelty["protein"] == {"nearest": "made0", "identity": 1.0, "bin": "90 % or more"}
    assert novelty["measured"]["complexes"] == 3
    text = (tmp_path / "out" / "report.html").read_text()
    assert "How new is it?" in text and "made0" in text and "so few say little" in text
