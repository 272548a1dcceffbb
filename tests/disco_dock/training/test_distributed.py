"""Two processes that train together do what one does with the whole batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from disco_dock.runtime.distributed import Processes
from disco_dock.training.feeding import own_share
from tests.support.shards import made_up_shards

ROOT = Path(__file__).parents[3]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def run(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("complexes", [3, 1], ids=["uneven shares", "one process without a complex"])
def test_gradients_are_those_of_one_process(tmp_path, complexes):
    """Score (layer norms; batch norms, as published), prior and confidence; the second process has fewer rows or none.

    With a single complex batch statistics see the idle process's copy of it too, which leaves them as they are.
    """
    script = str(ROOT / "tests" / "support" / "two_processes.py")
    shards = str(made_up_shards())
    run(script, shards, str(tmp_path / "one.pt"), str(complexes))
    run(*TORCHRUN, script, shards, str(tmp_path / "two.pt"), str(complexes))
    one, two = torch.load(tmp_path / "one.pt"), torch.load(tmp_path / "two.pt")
    assert one.keys() == two.keys() == {"tiny score", "published score", "prior", "confidence"}
    for stage, expected in one.items():
        assert expected.keys() == two[stage].keys()
        size = max(
            float(value.abs().max()) for name, value in expected.items() if "running" not in name and name != "loss"
        )
        assert size > 1e-3
        for name, value in expected.items():
            if complexes == 1 and "running_var" in name:
                continue  # the unbiased variance of as many copies differs
            scale = max(float(value.abs().max()), 1e-3 * size)
            assert torch.allclose(two[stage][name], value, rtol=1e-3, atol=1e-3 * scale), (stage, name)


@pytest.mark.slow
def test_torchrun_trains_and_resumes_by_the_same_command(tmp_path):
    settings = ["preset=tiny", "batch_size=3", "copies=1", "loop.log_every=1", "validation.every_epochs=1"]
    settings += ["validation.intervals=2", "validation.dock_complexes=2", "validation.dock_steps=2", "poses=1"]
    settings += ["sample_steps=2", "validation.dock_poses=1"]
    chosen = [part for setting in settings for part in ("--set", setting)]
    shards = str(made_up_shards())
    command = ["-m", "disco_dock", "train", "all", "--shards", shards, "--validation", shards, "--device", "cpu"]
    command += ["-o", str(tmp_path / "run"), *chosen]
    run(*TORCHRUN, *command, "--set", "loop.max_steps=2")
    run(*TORCHRUN, *command, "--set", "stages.confidence.loop.max_steps=3")
    names = {path.name for path in (tmp_path / "run" / "checkpoint").iterdir()}
    assert {"score.safetensors", "encoder.safetensors", "prior.safetensors", "confidence.safetensors"} <= names
    lines = (tmp_path / "run" / "score" / "metrics.jsonl").read_text().splitlines()
    assert sum('"rows": 3.0' in line for line in lines) == 2  # written once, counted over both


def test_shares_cover_the_batch_once():
    batch = [5, 3, 8, 1, 9]
    shares = [own_share(batch, Processes(rank, 2)) for rank in range(2)]
    assert sorted(shares[0][0] + shares[1][0]) == sorted(batch) and all(counts for _, counts in shares)
    assert own_share([7], Processes(1, 2)) == ([7], False)
