"""Drawing until enough poses are valid: which samples are kept, how many are drawn, and what is said."""

from __future__ import annotations

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.docking import predict as module
from disco_dock.docking.draws import draw_valid
from disco_dock.docking.predict import predict_complex
from disco_dock.docking.receptors import ReceptorStore
from disco_dock.docking.refinement import RefinedPoses
from disco_dock.docking.runs.inputs import jobs_of_ligands, ligand_reader
from disco_dock.docking.runs.outputs import REJECTED
from disco_dock.docking.runs.run import Run
from disco_dock.docking.settings import PredictSettings
from disco_dock.docking.validity import PoseValidity
from disco_dock.runtime.errors import ConfigError
from disco_dock.sampling.sample import DockedPoses
from tests.disco_dock.docking.fake_engine import fake_engine


def numbered(first, count):
    """Samples whose coordinates are their numbers."""
    pos = np.arange(first, first + count, dtype=float)[:, None, None] * np.ones((1, 1, 3))
    docked = DockedPoses(
        pos=pos, latent_nodes=np.zeros((count, 0), dtype=np.int64), latent_log_prob=np.zeros(count), confidence=None
    )
    return docked, RefinedPoses(pos=pos, minimised=False, score=None, energy=None, poses=())


def verdicts(valid):
    """A judge who knows which numbers are valid."""
    return lambda pos: ([PoseValidity(bool(valid[int(one[0, 0])]), ()) for one in pos], "")


@given(st.integers(1, 12), st.integers(0, 30), st.data())
def test_the_first_valid_samples_are_kept_and_nothing_is_drawn_in_vain(wanted, extra, data):
    budget = wanted + extra
    valid = np.array(data.draw(st.lists(st.booleans(), min_size=budget, max_size=budget)))
    settings = PredictSettings(num_poses=wanted, valid_only=True, valid_budget=budget)
    rounds = []

    def draw(first, count):
        rounds.append((first, count))
        return numbered(first, count)

    drawn = draw_valid(draw, verdicts(valid), settings)
    expected = np.flatnonzero(valid)[:wanted]
    numbers = drawn.docked.pos[:, 0, 0]
    assert numbers.tolist() == list(range(len(numbers))) and len(drawn.refined.pos) == len(numbers)
    assert [first for first, _ in rounds] == np.cumsum([0, *(count for _, count in rounds)])[:-1].tolist()
    if len(expected):
        assert numbers[drawn.kept].tolist() == expected.tolist()
    else:
        assert numbers[drawn.kept].tolist() == list(range(wanted)) and "none of" in drawn.note
    if len(expected) == wanted:
        assert len(numbers) == expected[-1] + 1 and drawn.note == ""
    else:
        assert len(numbers) == budget and f"of {budget} draws" in drawn.note


def test_what_was_judged_stands_when_posebusters_fails_later():
    settings = PredictSettings(num_poses=4, valid_only=True)
    answers = iter([([PoseValidity(True, ()), PoseValidity(False, ("x",))] * 2, ""), ([], "PoseBusters failed")])
    drawn = draw_valid(numbered, lambda pos: next(answers), settings)
    assert drawn.kept.tolist() == [True, False, True, False] and len(drawn.validity) == 4
    assert drawn.note == "only 2 of 4 draws are valid, not the 4 asked for; PoseBusters failed"
    first = draw_valid(numbered, lambda pos: ([], "PoseBusters failed"), settings)
    assert first.kept.all() and first.validity == () and "given as they are" in first.note


@pytest.fixture
def picky(monkeypatch):
    """A judge who dislikes some poses for where they lie, the same ones every time."""

    def judge(ligand, pos, stereo_kept, around):
        bad = (np.abs(pos[:, 0, 0] * 1000).astype(int) % 2).astype(bool)
        return [PoseValidity(not one, ("internal_energy",) if one else ()) for one in bad.tolist()], ""

    monkeypatch.setattr(module, "pose_validity", judge)


def predicted(peptide, **options):
    settings = PredictSettings(**{"num_poses": 6, "steps": 2, **options})
    store = ReceptorStore(settings, 0)
    return predict_complex(fake_engine(), settings, store, peptide, read_ligand("C[C@H](N)C(=O)O"), name="x")


def test_samples_are_those_of_a_larger_run(peptide, picky):
    """Kept and rejected poses are the poses that these sample numbers have anyway."""
    found, many = predicted(peptide, valid_only=True), predicted(peptide, num_poses=18)
    place = {pose.sample: pose.pos for pose in many.ranked}
    assert len(found.ranked) == 6 and found.rejected and found.valid_poses == 6
    for pose in (*found.ranked, *found.rejected):
        np.testing.assert_array_equal(pose.pos, place[pose.sample])
    assert all(pose.validity.valid for pose in found.ranked)
    assert not any(pose.validity.valid for pose in found.rejected)
    assert [pose.rank for pose in found.ranked] == list(range(1, 7))
    again = predicted(peptide, valid_only=True, batch_size=1)
    assert [pose.sample for pose in again.ranked] == [pose.sample for pose in found.ranked]


def test_files_of_valid_poses(peptide, picky, tmp_path):
    job = jobs_of_ligands(peptide, "C[C@H](N)C(=O)O", ligand_reader(None, False)).single
    assert job is not None
    settings = PredictSettings(num_poses=6, steps=2, valid_only=True)
    row = Run(fake_engine(), settings, tmp_path).dock_single(job)
    record = json.loads((tmp_path / "run.json").read_text())
    validity = record["validity"]
    assert row.valid_poses == validity["valid"] == validity["checked"] == 6 and row.draws == validity["draws"] > 6
    assert validity["acceptance_rate"] == round(6 / row.draws, 4) and validity["budget"] == 18
    assert [pose["valid"] for pose in validity["poses"]] == [True] * 6
    rejected = (tmp_path / REJECTED).read_text()
    assert rejected.count("$$$$") == row.draws - 6 and "internal_energy" in rejected and REJECTED in record["outputs"]
    assert Run(fake_engine(), settings, tmp_path).dock_single(job).status == "reused"
    plain = Run(fake_engine(), PredictSettings(num_poses=6, steps=2), tmp_path, overwrite=True).dock_single(job)
    assert plain.status == "ok" and plain.draws == 6 and not (tmp_path / REJECTED).exists()
    with (tmp_path / "results.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert {row["valid"] for row in table} == {"true", "false"}
    assert all((row["failed_checks"] == "internal_energy") == (row["valid"] == "false") for row in table)


def test_unchecked_results_are_checked_when_that_is_wanted(peptide, picky, tmp_path):
    job = jobs_of_ligands(peptide, "CCO", ligand_reader(None, False)).single
    assert job is not None

    def row(checked):
        return Run(fake_engine(), PredictSettings(num_poses=3, steps=2, check_poses=checked), tmp_path).dock_single(job)

    assert row(0).valid_poses is None
    assert (row(1).status, row(1).status, row(0).status) == ("ok", "reused", "reused")
    assert row(2).message == ""


def test_without_posebusters(peptide, monkeypatch):
    from disco_dock.chem import posebusters_checks as validity

    monkeypatch.setattr(validity, "find_spec", lambda name: None)
    prediction = predicted(peptide)
    assert prediction.valid_poses is None and any("not installed" in note for note in prediction.notes)
    assert not any("PoseBusters" in note for note in predicted(peptide, check_poses=0).notes)
    for options in ({"check_poses": 2}, {"valid_only": True}):
        with pytest.raises(ConfigError, match=r"pip install 'disco-dock\[evaluate\]', or leave out"):
            predicted(peptide, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"check_poses": -1},
        {"valid_budget": 50},
        {"valid_only": True, "valid_budget": 39},
        {"valid_only": True, "check_poses": 3},
    ],
)
def test_settings_that_make_no_sense(options):
    with pytest.raises(ConfigError):
        PredictSettings(**options)


def test_real_verdicts_on_a_real_peptide(peptide):
    pytest.importorskip("posebusters")
    prediction = predicted(peptide, num_poses=3)
    assert prediction.valid_poses is not None
    for pose, row in zip(prediction.ranked, prediction.table, strict=True):
        assert pose.validity is not None and row["valid"] is pose.validity.valid
        assert (row["failed_checks"] is None) is pose.validity.valid
        if pose.clash_count > 5:
            assert "minimum_distance_to_protein" in pose.validity.failed


def test_wrong_stereo_is_not_valid(monkeypatch):
    from disco_dock.docking import validity

    found = SimpleNamespace(failed=((), ("internal_energy",)))
    monkeypatch.setattr(validity, "check_validity", lambda worker, poses, around: found)
    ligand = read_ligand("CCO")
    pos = np.zeros((2, 3, 3))
    verdict, _ = validity.pose_validity(ligand, pos, np.array([False, True]), around=None)  # pyright: ignore
    assert verdict == [PoseValidity(False, ("stereochemistry",)), PoseValidity(False, ("internal_energy",))]
