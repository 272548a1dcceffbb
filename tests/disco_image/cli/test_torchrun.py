"""Sampling and evaluation by two processes of torchrun: the same files and numbers as by one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from disco_image.cli import choose, evaluate, sample
from tests.disco_image.cli.test_commands import train_tiny

ROOT = Path(__file__).parents[3]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("digits")
    assert train_tiny(out) == 0
    return out


def by_two(module: str, argv: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [*TORCHRUN, module, *argv]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def pixels(folder: Path) -> dict[str, np.ndarray]:
    return {path.name: np.asarray(Image.open(path)).astype(int) for path in folder.rglob("0*.png")}


def test_two_processes_sample_what_one_samples(trained, tmp_path):
    argv = ["--seeds", "997-1003", "--steps", "2", "--batch-size", "2", "--subdirs", "--device", "cpu"]
    assert sample.main([str(trained), "-o", str(tmp_path / "one"), *argv]) == 0
    done = by_two("disco_image.sample", [str(trained), "-o", str(tmp_path / "two"), *argv])
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == [str(tmp_path / "two" / "grid.png")]
    one, two = (pixels(tmp_path / name) for name in ("one", "two"))
    assert len(one) == 7 and one.keys() == two.keys()
    assert all(np.abs(one[name] - two[name]).max() <= 1 for name in one)
    records = [json.loads((tmp_path / name / "samples.json").read_text()) for name in ("one", "two")]
    assert records[0] == records[1] and records[1]["complete"]
    other = by_two("disco_image.sample", [str(trained), "-o", str(tmp_path / "two"), *argv, "--guidance", "1"])
    assert other.returncode != 0 and "other settings" in other.stderr


def test_two_processes_measure_what_one_measures(trained, tmp_path):
    argv = ["--count", "40", "--steps", "2", "--feature-steps", "10", "--batch-size", "8", "--device", "cpu"]
    assert evaluate.main([str(trained), "-o", str(tmp_path / "one"), *argv]) == 0
    done = by_two("disco_image.evaluate", [str(trained), "-o", str(tmp_path / "two"), *argv])
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = (json.loads((tmp_path / name / "report.json").read_text()) for name in ("one", "two"))
    assert one.keys() == two.keys()
    assert two["frechet_classifier_distance"] == pytest.approx(one["frechet_classifier_distance"], rel=1e-2)
    assert two["samples"] == one["samples"] == 40


def test_two_processes_choose_what_one_chooses(tmp_path):
    settings = {"denoiser.ema_snapshots": "true", "denoiser.tick_images": 16, "denoiser.loop.max_steps": 2}
    assert train_tiny(tmp_path, "--stage", "denoiser", **settings) == 0
    argv = [str(tmp_path), "--count", "24", "--steps", "2", "--feature-steps", "5", "--device", "cpu", "-o"]
    assert choose.main([*argv, str(tmp_path / "one")]) == 0
    done = by_two("disco_image.choose", [*argv, str(tmp_path / "two")])
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-2].startswith("best: ") and "--stage prior" in done.stdout.splitlines()[-1]
    one, two = (json.loads((tmp_path / name / "choice.json").read_text()) for name in ("one", "two"))
    assert one["made_with"] == two["made_with"] and one["candidates"].keys() == two["candidates"].keys()
    for name, found in one["candidates"].items():
        again = two["candidates"][name]
        assert again["sha256"] == found["sha256"]
        assert again["frechet_classifier_distance"] == pytest.approx(found["frechet_classifier_distance"], rel=1e-2)
    assert (tmp_path / "two/checkpoint/encoder.safetensors").exists()
