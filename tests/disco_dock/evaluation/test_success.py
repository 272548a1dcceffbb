"""Rates, intervals, calibration and groups, against hand counts and enumeration."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from disco_dock.evaluation.calibration import calibration, reliability
from disco_dock.evaluation.rows import MeasuredComplex
from disco_dock.evaluation.strata import Manifest, read_manifest, strata
from disco_dock.evaluation.success import (
    against_samples,
    are_samples,
    by_rank,
    distances,
    hits,
    interval,
    paired_difference,
    success,
)
from disco_dock.evaluation.summary import compare, summarise
from disco_dock.ranking.reliability import brier, expected_calibration_error
from disco_dock.runtime.errors import InputError

ROWS = [
    MeasuredComplex(
        id="a",
        atoms=10,
        torsions=2,
        rmsd=(1.0, 6.0),
        centroid=(0.5, 5.5),
        score=(1.0, 0.0),
        probability=(0.7, 0.5),
        valid=(False, True),
    ),
    MeasuredComplex(
        id="b",
        atoms=20,
        torsions=5,
        rmsd=(7.0, 1.5),
        centroid=(6.0, 1.0),
        score=(1.0, 0.0),
        probability=(0.7, 0.5),
        valid=(True, True),
    ),
    MeasuredComplex(id="c", error="failed"),
    MeasuredComplex(
        id="d",
        atoms=40,
        torsions=20,
        rmsd=(4.0, 4.5),
        centroid=(1.0, 1.0),
        score=(1.0, 0.0),
        probability=(0.7, 0.5),
        valid=(True, False),
    ),
]


def test_failures_are_misses():
    found = success(ROWS)
    assert found["top1"]["under_2"]["percent"] == 25.0 and found["top1"]["under_5"]["percent"] == 50.0
    assert found["best"]["under_2"]["percent"] == 50.0 and found["top5"] == found["best"]
    low, high = found["best"]["under_2"]["interval"]
    assert low < 50.0 < high <= 100.0
    assert success(ROWS) == found


def test_valid_and_near_must_be_the_same_pose():
    found = success(ROWS)
    assert found["top1"]["valid"]["percent"] == 50.0
    assert found["top1"]["under_2_and_valid"]["percent"] == 0.0
    assert found["best"]["under_2_and_valid"]["percent"] == 25.0  # b; of a the near pose is not valid
    unchecked = [*ROWS, MeasuredComplex(id="e", rmsd=(1.0,), centroid=(1.0,))]
    assert "valid" not in success(unchecked)["top1"]


def test_quartiles_count_failures_as_infinite():
    found = distances(ROWS)
    assert found["rmsd_top1"] == {"25": 4.0, "50": 7.0, "75": None}
    assert found["centroid_top1_under_2"]["percent"] == 50.0
    assert distances([MeasuredComplex(id="a", error="x")])["rmsd_top1"] == {"25": None, "50": None, "75": None}


@given(st.lists(st.lists(st.booleans(), min_size=0, max_size=6), min_size=1, max_size=4))
def test_success_against_samples_is_the_mean_over_all_draws(outcomes):
    rows = [
        MeasuredComplex(id=str(k), rmsd=tuple(1.0 if hit else 9.0 for hit in own)) for k, own in enumerate(outcomes)
    ]
    most = max(len(own) for own in outcomes)
    found = against_samples(rows, 2.0)
    for drawn in range(1, most + 1):
        first, best = [], []
        for own in outcomes:
            sets = list(combinations(own, min(drawn, len(own)))) if own else [(False,)]
            first.append(np.mean([chosen[0] for chosen in sets]))  # combinations keep the order of the ranking
            best.append(np.mean([any(chosen) for chosen in sets]))
        assert found["first"][drawn - 1] == pytest.approx(np.mean(first))
        assert found["best"][drawn - 1] == pytest.approx(np.mean(best))


def test_a_list_of_minima_is_no_sample():
    energies = [replace(row, probability=()) for row in ROWS]
    assert are_samples(ROWS) and not are_samples(energies)
    assert are_samples([MeasuredComplex(id="a", rmsd=(1.0,))])  # networks without a confidence model
    assert by_rank(ROWS, 2.0).tolist() == [0.25, 0.5]
    assert summarise(energies)["against_samples"] is None


def test_interval_covers_the_rate_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(100):
        low, high = interval(rng.random(80) < 0.3)
        inside += low <= 30.0 <= high
    assert 85 <= inside <= 100


def test_paired_difference():
    first, second = np.array([True] * 6 + [False] * 4), np.array([True] * 2 + [False] * 8)
    found = paired_difference(first, second)
    assert found["points"] == 40.0 and found["interval"][0] > 0.0
    assert paired_difference(first, first) == {"points": 0.0, "interval": [0.0, 0.0]}
    assert compare(ROWS, ROWS)["top1_under_2_and_valid"]["points"] == 0.0


def test_hits_of_a_method_with_few_poses():
    assert hits([MeasuredComplex(id="a", rmsd=(1.0,)), MeasuredComplex(id="b", error="x")], 5, 2.0).tolist() == [
        True,
        False,
    ]


def test_calibration_error_and_brier_by_hand():
    probability, event = np.array([0.9, 0.9, 0.2, 0.2]), np.array([True, False, False, False])
    assert expected_calibration_error(probability, event) == pytest.approx(0.5 * 0.4 + 0.5 * 0.2)
    assert brier(probability, event) == pytest.approx((0.01 + 0.81 + 0.04 + 0.04) / 4)
    assert reliability(probability, event) == [
        {"probability": 0.2, "frequency": 0.0, "poses": 2},
        {"probability": 0.9, "frequency": 0.5, "poses": 2},
    ]
    assert expected_calibration_error(np.ones(3), np.ones(3, dtype=bool)) == 0.0


def test_a_calibrated_model_has_a_small_error_and_an_overconfident_one_has_not():
    rng = np.random.default_rng(1)
    honest, boastful = [], []
    for number in range(300):
        p = rng.uniform(0.05, 0.95, 10)
        near = rng.random(10) < p
        rmsd = tuple(np.where(near, 1.0, 5.0))
        order = np.argsort(-p)
        rmsd = tuple(np.array(rmsd)[order])
        honest.append(MeasuredComplex(id=str(number), rmsd=rmsd, probability=tuple(p[order])))
        boastful.append(MeasuredComplex(id=str(number), rmsd=rmsd, probability=tuple(expit(4 * logit(p[order])))))
    good, bad = calibration(honest), calibration(boastful)
    assert good is not None and bad is not None
    assert good["all_poses"]["ece"] < 0.04 < 0.1 < bad["all_poses"]["ece"]
    assert good["all_poses"]["brier"] < good["all_poses"]["brier_of_the_frequency"]
    assert good["all_poses"]["auc"] == bad["all_poses"]["auc"] > 0.7
    low, high = good["all_poses"]["ece_interval"]
    assert low < high
    assert calibration([MeasuredComplex(id="a", rmsd=(1.0,))]) is None


def test_groups(tmp_path):
    text = "id,cluster,inchikey,split\nt,c1,KEY,train\na,c1,KEY,val\nb,c2,OTHER,val\n"
    (tmp_path / "m.csv").write_text(text)
    manifest = read_manifest(tmp_path / "m.csv")
    assert manifest == Manifest({"t": "c1", "a": "c1", "b": "c2"}, frozenset({"c1"}), frozenset({"KEY"}))
    rows = [
        MeasuredComplex(id="a", atoms=10, inchikey="KEY"),
        MeasuredComplex(id="b", atoms=30, inchikey="X"),
        MeasuredComplex(id="z", error="absent"),
    ]
    found = strata(rows, manifest)
    names = {kind: {label: [row.id for row in own] for label, own in groups.items()} for kind, groups in found.items()}
    assert names["protein cluster"] == {"seen": ["a"], "unseen": ["b"], "unknown": ["z"]}
    assert names["ligand"] == {"seen": ["a"], "unseen": ["b"], "unknown": ["z"]}
    assert names["ligand heavy atoms"] == {"up to 15": ["a"], "26 to 35": ["b"], "unknown": ["z"]}
    assert "protein cluster" not in strata(rows, None)
    assert read_manifest(tmp_path / "m.csv", ["b"]).training_clusters == {"c2"}
    with pytest.raises(InputError, match="no training complex"):
        read_manifest(tmp_path / "m.csv", ["absent"])
    (tmp_path / "m.csv").write_text("id,split\n")
    with pytest.raises(InputError, match="no column cluster"):
        read_manifest(tmp_path / "m.csv")


def test_every_complex_is_in_one_group_of_each_kind():
    for groups in strata(ROWS, None).values():
        assert sorted(row.id for own in groups.values() for row in own) == ["a", "b", "c", "d"]


def test_summary_has_all_parts():
    summary = summarise(ROWS)
    assert (summary["complexes"], summary["failures"], summary["poses"]) == (4, 1, 2)
    assert summary["calibration"]["top1"]["poses"] == 3
    assert summary["strata"]["ligand heavy atoms"]["up to 15"]["top1_under_2"]["percent"] == 100.0
    assert summary["against_samples"]["under_2"]["best"][-1] == summary["success"]["best"]["under_2"]["percent"]
    everything_failed = summarise([MeasuredComplex(id="a", error="x")])
    assert everything_failed["success"]["top1"]["under_5"]["percent"] == 0.0
