"""`disco-dock predict` with physics, end to end with a fake engine."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rdkit import Chem

from disco_dock.docking import engine
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.ranking.judge import HowMade, PoseJudge, ThresholdWeights
from disco_dock.ranking.reliability import band, measure_reliability
from tests.disco_dock.cli.test_predict import FAST, FILES, names, rows
from tests.disco_dock.docking.fake_engine import fake_engine

LIGAND = "CC(=O)Nc1ccc(O)cc1"


def predict(disco, peptide, *options):
    return disco("predict", "--protein", peptide, "--ligand", LIGAND, "-o", "out", *FAST, *options)


@pytest.mark.parametrize("how", [("vina", "--search-moves", 2), ("mmff", "--num-poses", 1)])
def test_minimised_poses_say_so(disco, peptide, tmp_path, how):
    done = predict(disco, peptide, "--minimize", *how)
    assert done.status == 0, done.err
    assert names(tmp_path / "out") == FILES | {"poses_sampled.sdf"}
    table = rows(tmp_path / "out" / "results.csv")
    assert all(float(row["minimize_rmsd"]) > 0 and row["vina_score_before"] and row["strain"] for row in table)
    if how[0] == "vina":
        assert all(float(row["vina_score"]) <= float(row["vina_score_before"]) + 0.5 for row in table)
    minimised, sampled = (
        [Chem.RemoveHs(mol) for mol in Chem.SDMolSupplier(str(tmp_path / "out" / name))]
        for name in ("poses.sdf", "poses_sampled.sdf")
    )
    for new, old, row in zip(minimised, sampled, table, strict=True):
        shift = np.array(new.GetConformer().GetPositions()) - np.array(old.GetConformer().GetPositions())
        assert np.sqrt((shift**2).sum(1).mean()) == pytest.approx(float(row["minimize_rmsd"]), abs=2e-3)
        assert new.GetProp("minimize_rmsd") == row["minimize_rmsd"]
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["settings"]["physics"]["minimize"] == record["resolved"]["physics"]["minimize"] == how[0]
    assert any("minimized by" in note for note in record["notes"])
    assert "reused" in predict(disco, peptide, "--minimize", *how).out
    assert predict(disco, peptide, "--overwrite").status == 0
    assert names(tmp_path / "out") == FILES


def test_scores_without_minimisation(disco, peptide, tmp_path):
    assert predict(disco, peptide).status == 0
    plain = rows(tmp_path / "out" / "results.csv")
    assert not any(row["vina_score"] for row in plain)
    done = predict(disco, peptide, "--physics", "--overwrite")
    scored = rows(tmp_path / "out" / "results.csv")
    assert done.status == 0 and "Vina" in done.out.splitlines()[0]
    assert all(row["vina_score"] and not row["minimize_rmsd"] for row in scored)
    assert [row["sample"] for row in scored] == [row["sample"] for row in plain]


def test_ranking_by_vina(disco, peptide, tmp_path):
    assert predict(disco, peptide, "--rank-by", "vina", "--num-poses", 6).status == 0
    scores = [float(row["vina_score"]) for row in rows(tmp_path / "out" / "results.csv")]
    assert len(set(scores)) > 1 and scores[0] == min(scores)


MINIMISED = PhysicsSettings(minimize="vina", moves=2, rank_by="vina")
JUDGE = PoseJudge(
    evidence=("confidence",),
    thresholds=(ThresholdWeights(threshold=2.0, intercept=0.2, weights=(1.0,)),),
    made=HowMade(num_poses=6, steps=2, minimize="vina", moves=2),
    complexes=77,
    poses=462,
    reliability=(measure_reliability([np.array([0.3, 0.6])], [np.array([False, True])], threshold=2.0, which="first"),),
)


@pytest.mark.parametrize("rank_by", ["confidence", "vina", "consensus"])
def test_a_judge_gives_probabilities_in_words_and_ranks(disco, peptide, tmp_path, monkeypatch, rank_by):
    monkeypatch.setattr(engine, "load_engine", lambda *_: fake_engine(physics=MINIMISED, pose_judge=JUDGE))
    done = predict(disco, peptide, "--num-poses", 6, "--rank-by", rank_by)
    assert done.status == 0, done.err
    assert "P(<2 A)" in done.out.splitlines()[0]
    table = rows(tmp_path / "out" / "results.csv")
    assert [int(row[f"rank_{rank_by}"]) for row in table] == [1, 2, 3, 4, 5, 6]
    for row in table:
        near = float(row["p_rmsd_under_2"])
        assert near == pytest.approx(1 / (1 + np.exp(-0.2 - float(row["confidence"]))), abs=2e-4)
        assert row["trust"] == band(near) and row["p_rmsd_under_5"] == ""
    best = max(table, key=lambda row: float(row["p_rmsd_under_2"]))
    assert best["rank_consensus"] == "1"
    first = next(Chem.SDMolSupplier(str(tmp_path / "out" / "poses.sdf")))
    assert first.GetProp("trust") == table[0]["trust"] and first.GetProp("rank_vina") == table[0]["rank_vina"]
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert [one["which"] for one in record["reliability"]] == (["first"] if rank_by == "vina" else [])
    assert any("not a binding affinity" in note for note in record["notes"])
    told = [note for note in record["notes"] if "fitted on 77 training complexes" in note]
    assert bool(told) == (rank_by == "vina")


def test_probabilities_of_another_search_are_warned_of(disco, peptide, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "load_engine", lambda *_: fake_engine(physics=MINIMISED, pose_judge=JUDGE))
    done = predict(disco, peptide, "--num-poses", 3, "--search-moves", 0)
    assert done.status == 0 and "3 poses in place of 6; 0 search moves in place of 2" in done.err


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (("--rank-by", "consensus"), 1, "no consensus weights"),
        (("--search-moves", 3), 1, "--search-moves has no effect without --minimize vina"),
        (("--minimize", "vina", "--search-moves", -1), 2, "must be 0 or larger"),
    ],
)
def test_what_cannot_take_effect_is_said(disco, peptide, options, status, message):
    done = predict(disco, peptide, *options)
    assert done.status == status and message in done.err and "Traceback" not in done.err
