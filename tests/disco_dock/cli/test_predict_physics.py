"""`disco-dock predict` with physics, end to end with a fake engine."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rdkit import Chem

from tests.disco_dock.cli.test_predict import FAST, FILES, names, rows

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
    assert predict(disco, peptide).status == 0
    assert names(tmp_path / "out") == FILES


def test_scores_without_minimisation(disco, peptide, tmp_path):
    assert predict(disco, peptide).status == 0
    plain = rows(tmp_path / "out" / "results.csv")
    assert not any(row["vina_score"] for row in plain)
    done = predict(disco, peptide, "--physics")
    scored = rows(tmp_path / "out" / "results.csv")
    assert done.status == 0 and "vina_score" in done.out
    assert all(row["vina_score"] and not row["minimize_rmsd"] for row in scored)
    assert [row["sample"] for row in scored] == [row["sample"] for row in plain]


def test_ranking_by_vina(disco, peptide, tmp_path):
    assert predict(disco, peptide, "--rank-by", "vina", "--num-poses", 6).status == 0
    scores = [float(row["vina_score"]) for row in rows(tmp_path / "out" / "results.csv")]
    assert len(set(scores)) > 1 and scores[0] == min(scores)


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
