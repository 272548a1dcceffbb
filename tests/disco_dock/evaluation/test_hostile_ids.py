"""Ids of a split file that lead out of the output folder."""

from __future__ import annotations

from disco_dock.evaluation.cases import FileCases
from disco_dock.evaluation.measure import evaluate
from tests.disco_dock.evaluation.test_measure import Shifted
from tests.fuzz.worker import listing
from tests.support.complexes import write_complexes


def test_poses_stay_in_the_output_folder(tmp_path):
    write_complexes(tmp_path / "data")
    ids = ["../data/made0", "../../made0", str(tmp_path / "data" / "made0"), "."]
    before = listing(tmp_path)
    cases = FileCases(tmp_path / "data", ids, seed=0)
    rows = evaluate([Shifted()], cases, tmp_path / "out", check_poses=0)["shifted"]
    assert all("cannot be written" in row.error for row in rows)
    assert listing(tmp_path) == before and not list((tmp_path / "out").rglob("*.sdf"))
