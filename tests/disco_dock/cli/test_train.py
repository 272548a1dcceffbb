"""From files to a trained checkpoint that docks: `data build`, the three stages of `train`, then `predict`."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
import yaml
from safetensors.torch import load_file

from disco_dock.cli.main import main
from tests.support.complexes import write_complexes

SETTINGS = (
    "copies=1",
    "batch_size=2",
    "loop.log_every=1",
    "validation={intervals: 2, every_epochs: 1, dock_every: 1, dock_complexes: 1, dock_poses: 1, dock_steps: 2}",
)
TINY = ["--preset", "tiny", *(part for setting in SETTINGS for part in ("--set", setting))]
ROOT = Path(__file__).parents[3]


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


def test_killed_build_goes_on_to_the_same_bytes(complexes, tmp_path):
    """SIGKILL of the command, not of a worker, between and within parts."""
    root = tmp_path / "complexes"
    for number in range(10):
        shutil.copytree(complexes / f"made{number % 3}", root / f"c{number}")
    program = "import sys, disco_dock.data.build as build; from disco_dock.cli.main import main; build.PART_SIZE = 2; "
    command = [sys.executable, "-c", program + "sys.exit(main(sys.argv[1:]))", "data", "build", str(root)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    once, killed = tmp_path / "once", tmp_path / "killed"
    subprocess.run([*command, str(once), "--workers", "1"], env=environment, check=True, capture_output=True)
    for wanted in (1, 3):
        process = subprocess.Popen([*command, str(killed), "--workers", "1"], env=environment)
        while process.poll() is None and len(list(killed.glob("part-*.json"))) < wanted:
            time.sleep(0.001)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert 0 < len(list(killed.glob("part-*.json"))) < 5
    subprocess.run([*command, str(killed), "--workers", "1"], env=environment, check=True, capture_output=True)
    files = {path.name: path.read_bytes() for path in once.iterdir()}
    assert files == {path.name: path.read_bytes() for path in killed.iterdir()}


def test_workers_end_with_a_killed_build(complexes, tmp_path):
    root = tmp_path / "complexes"
    for number in range(40):
        shutil.copytree(complexes / f"made{number % 3}", root / f"c{number}")
    program = "import sys, disco_dock.data.build as build; from disco_dock.cli.main import main; build.PART_SIZE = 1; "
    program += "sys.exit(main(sys.argv[1:])) if __name__ == '__main__' else None"
    command = [sys.executable, "-c", program, "data", "build", str(root), str(tmp_path / "out"), "--workers", "2"]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)})
    while process.poll() is None and not list((tmp_path / "out").glob("part-*.json")):
        time.sleep(0.01)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert workers
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive


def test_split_files_choose_the_complexes(shards, tmp_path, capsys):
    out, names = tmp_path / "run", tmp_path / "train.txt"
    names.write_text("made1\nmade2\nabsent\n")
    assert train("score", shards, out, "--split", str(names), "--set", "loop.max_steps=1") == 0
    config = json.loads((out / "checkpoint" / "config.json").read_text())
    assert config["training"]["score"]["complexes"] == 2
    names.write_text("absent\n")
    assert train("score", shards, tmp_path / "other", "--split", str(names), "--set", "loop.max_steps=1") == 1
    assert "no finished shards with the wanted complexes" in capsys.readouterr().err


def test_fine_tuning_starts_from_a_checkpoint(shards, tmp_path, capsys):
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    assert train("score", shards, first, "--set", "loop.max_steps=2", "--set", "validation.dock_every=0") == 0
    still = ["--init", str(first / "checkpoint"), "--set", "loop.max_steps=1", "--set", "loop.learning_rate=1e-30"]
    still += ["--set", "weight_decay=0", "--preset", "small"]  # the sizes are the checkpoint's
    assert train("score", shards, second, *still) == 0, capsys.readouterr().err
    for name in ("score.safetensors", "encoder.safetensors"):
        before, after = (load_file(folder / "checkpoint" / name) for folder in (first, second))
        assert all(torch.allclose(before[key], after[key], atol=1e-6) for key in before), name
    config = json.loads((second / "checkpoint" / "config.json").read_text())
    assert config["name"] == "tiny-tuned"
    assert train("score", shards, third, "--init", str(tmp_path / "absent")) == 1
    assert "not a checkpoint folder" in capsys.readouterr().err


def test_all_stages_and_docking(complexes, shards, tmp_path, capsys):
    out = tmp_path / "run"
    short = ["--set", "loop.max_steps=3", "--set", "pose_complexes=2", "--set", "poses=2", "--set", "sample_steps=2"]
    assert train("all", shards, out, *short) == 0, capsys.readouterr().err
    written = {path: path.read_bytes() for path in (out / "checkpoint").iterdir()}
    assert train("all", shards, out) == 0  # finished, with the settings that the run remembers
    assert all(path.read_bytes() == data for path, data in written.items())
    config = json.loads((out / "checkpoint" / "config.json").read_text())
    assert set(config["training"]) >= {"score", "prior", "confidence"}
    prior = config["training"]["prior"]
    assert {"val_loss", "val_marginal", "val_perplexity", "val_accuracy", "used_kinds_0"} <= set(prior)
    assert "val_dock_prior_under_2" in prior
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
    near = config["calibration"]["thresholds"][0]
    expected = 1 / (1 + math.exp(-(near["slope"] * float(row["confidence"]) + near["intercept"])))
    assert float(row["p_rmsd_under_2"]) == pytest.approx(expected, abs=1e-3)
    record = json.loads((tmp_path / "docked" / "run.json").read_text())
    assert {one["complexes"] for one in record["reliability"]} == {3}
    assert any("held-out complexes: expected calibration error" in note for note in record["notes"])
    assert len(row["latents"].split()) == 2


def test_dry_run_prints_settings_and_sizes_and_writes_nothing(shards, tmp_path, capsys):
    assert train("all", shards, tmp_path / "run", "--dry-run", "--set", "stages.prior.seed=7") == 0
    score, prior, confidence = yaml.safe_load_all(capsys.readouterr().out.replace("\n# ", "\n---\n# "))
    assert score["score"]["preset"] == "tiny" and score["score"]["copies"] == 1 and score["score"]["seed"] == 0
    assert prior["prior"]["seed"] == 7 and confidence["confidence"]["loop"]["log_every"] == 1
    assert set(score["parameters"]) == {"score", "encoder", "prior", "confidence", "expert"}
    assert not (tmp_path / "run").exists()


def test_dry_run_needs_no_folder_and_a_run_does(tmp_path, capsys):
    assert main(["train", "score", "--preset", "tiny", "--dry-run"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["score"]["preset"] == "tiny"
    assert main(["train", "score", "--preset", "tiny", "-o", str(tmp_path / "run")]) == 2
    assert "--shards missing" in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_paused_run_is_no_failure_and_goes_on(shards, tmp_path, capsys):
    out = tmp_path / "run"
    steps = ["--set", "loop.max_steps=2"]
    assert train("score", shards, out, *steps, "--stop-after", "0") == 0
    assert "run the same command again to go on" in capsys.readouterr().out
    assert train("score", shards, out, *steps) == 0
    assert (out / "checkpoint" / "score.safetensors").exists()


@pytest.mark.slow
def test_command_killed_at_any_moment_ends_with_the_same_bits(shards, tmp_path):
    """SIGKILL at moments that have nothing to do with the steps, also while files are written."""
    settings = ["--set", "loop.max_steps=40", "--set", "loop.checkpoint_seconds=0", "--set", "validation.dock_every=0"]
    command = [sys.executable, "-m", "disco_dock", "train", "score", "--shards", str(shards), "--validation"]
    command += [str(shards), "--device", "cpu", *TINY, *settings, "-o"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    once, killed = tmp_path / "once", tmp_path / "killed"
    subprocess.run([*command, str(once)], env=environment, check=True, capture_output=True)
    delays = random.Random(0)
    deaths = 0
    log = killed / "score" / "metrics.jsonl"
    for _ in range(3):
        before = log.read_text().count("\n") if log.exists() else 0
        process = subprocess.Popen([*command, str(killed)], env=environment, stderr=subprocess.DEVNULL)
        while process.poll() is None and (not log.exists() or log.read_text().count("\n") < before + 3):
            time.sleep(0.002)
        time.sleep(delays.uniform(0, 0.3))
        process.kill()
        deaths += process.wait() == -signal.SIGKILL
    assert deaths > 0
    subprocess.run([*command, str(killed)], env=environment, check=True, capture_output=True)
    for name in ("score.safetensors", "encoder.safetensors"):
        assert (once / "checkpoint" / name).read_bytes() == (killed / "checkpoint" / name).read_bytes(), name
    states = [torch.load(folder / "score" / "state.pt") for folder in (once, killed)]
    for key in ("model", "optimiser", "ema", "watch", "step"):
        assert equal(states[0][key], states[1][key]), key


def equal(first, second) -> bool:
    """Whether nested mappings and lists hold the same values and tensors."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(first[key], second[key]) for key in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(equal, first, second))
    return first == second


def test_resumed_run_goes_on(shards, tmp_path):
    out = tmp_path / "run"
    assert train("score", shards, out, "--set", "loop.max_steps=2") == 0
    assert train("score", shards, out, "--set", "loop.max_steps=4") == 0
    steps = [json.loads(line)["step"] for line in (out / "score" / "metrics.jsonl").read_text().splitlines()]
    assert {1, 2, 3, 4} <= set(steps) and steps == sorted(steps)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("loop.precision=fp16", "fp16 is for GPUs"),
        ("presett=tiny", "did you mean 'preset'"),
        ("preset=giant", "unknown preset"),
        ("copies=0", "at least 1"),
    ],
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
