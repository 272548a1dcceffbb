"""From files to a trained checkpoint that docks: `data build`, the three stages of `train`, then `predict`."""

from __future__ import annotations

import json
import shutil

import pytest

from disco_dock.cli.main import main
from tests.support.complexes import write_complexes

TINY = ["--set", "preset=tiny", "--set", "copies=1", "--set", "batch_size=2", "--set", "loop.log_every=1"]


@pytest.fixture(scope="module")
def complexes(tmp_path_factory):
    root = tmp_path_factory.mktemp("complexes")
    write_complexes(root)
    return root


@pytest.fixture(scope="module")
def shards(complexes, tmp_path_factory):
    out = tmp_path_factory.mktemp("shards")
    assert main(["data", "build", str(complexes), str(out), "--workers", "1"]) == 0
    return out


def train(stage, shards, out, *more):
    options = ["--shards", str(shards), "--validation", str(shards), "-o", str(out), "--device", "cpu"]
    return main(["train", stage, *options, *TINY, *more])


def test_build_reports_failures(complexes, tmp_path, capsys):
    root = tmp_path / "complexes"
    shutil.copytree(complexes, root)
    (root / "made0" / "ligand.sdf").write_text("broken")
    assert main(["data", "build", str(root), str(tmp_path / "shards"), "--workers", "1"]) == 0
    assert "2 complexes, 1 failures" in capsys.readouterr().out
    index = json.loads((tmp_path / "shards" / "part-00000.json").read_text())
    assert [row["id"] for row in index["failures"]] == ["made0"]
    assert "ligand.sdf" in index["failures"][0]["reason"]


def test_all_stages_and_docking(complexes, shards, tmp_path, capsys):
    out = tmp_path / "run"
    short = ["--set", "loop.max_steps=3", "--set", "pose_complexes=2", "--set", "poses=2", "--set", "sample_steps=2"]
    for stage in ("score", "prior", "confidence"):
        assert train(stage, shards, out, *short) == 0, capsys.readouterr().err
    config = json.loads((out / "checkpoint" / "config.json").read_text())
    assert set(config["training"]) >= {"score", "prior", "confidence"}
    case = complexes / "made1"
    files = ["--protein", str(case / "protein.pdb"), "--ligand", str(case / "ligand.sdf")]
    poses = [
        "--num-poses",
        "2",
        "--steps",
        "2",
        "--checkpoint",
        str(out / "checkpoint"),
        "-o",
        str(tmp_path / "docked"),
    ]
    assert main(["predict", *files, *poses]) == 0, capsys.readouterr().err
    header, first, *_ = (tmp_path / "docked" / "results.csv").read_text().splitlines()
    row = dict(zip(header.split(","), first.split(","), strict=True))
    assert float(row["confidence"]) == pytest.approx(float(row["confidence"]))
    assert len(row["latents"].split()) == 2


def test_resumed_run_goes_on(shards, tmp_path):
    out = tmp_path / "run"
    assert train("score", shards, out, "--set", "loop.max_steps=2") == 0
    assert train("score", shards, out, "--set", "loop.max_steps=4") == 0
    steps = [json.loads(line)["step"] for line in (out / "score" / "metrics.jsonl").read_text().splitlines()]
    assert {1, 2, 3, 4} <= set(steps) and steps == sorted(steps)


@pytest.mark.parametrize(
    ("setting", "message"),
    [("presett=tiny", "did you mean 'preset'"), ("preset=giant", "unknown preset"), ("copies=0", "at least 1")],
)
def test_bad_settings(shards, tmp_path, capsys, setting, message):
    assert train("score", shards, tmp_path / "run", "--set", setting) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_prior_without_score_stage(shards, tmp_path, capsys):
    assert train("prior", shards, tmp_path / "run") == 1
    error = capsys.readouterr().err
    assert "checkpoint" in error and error.count("\n") == 1


def test_no_shards(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert train("score", tmp_path / "empty", tmp_path / "run") == 1
    assert "no finished shards" in capsys.readouterr().err
