"""What `train` prints, in 80 columns whatever the run is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from disco_dock.cli.train_console import TrainConsole
from disco_dock.cli.wording import WIDTH
from disco_dock.runtime.loop import LoopConfig
from disco_dock.training.settings import TrainConfig


def run_at(step: int, *, seconds: float = 0.0, name: str = "confidence", **loop) -> Any:
    config = LoopConfig(**loop)
    share = max(step / config.max_steps, seconds / config.max_seconds if config.max_seconds else 0.0)
    fake = SimpleNamespace(out_dir=Path(name), step=step, seconds=seconds, config=config, progress=lambda: share)
    return cast("Any", fake)


@pytest.mark.parametrize(
    ("loop", "seconds", "left"),
    [
        ({"max_steps": 10**12}, 0.0, "63,376 years left"),
        ({"max_steps": 10**12, "max_seconds": 600.0}, 500.0, "1 min 40 s left"),
        ({"max_steps": 40}, 0.0, "1 min 00 s left"),
    ],
)
def test_the_time_left_is_that_of_the_nearer_end(monkeypatch, loop, seconds, left):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with TrainConsole() as console:
        for step in range(1, 11):
            console.step(run_at(step, seconds=seconds, **loop), {"loss": 1.5, "step_seconds": 2.0, "rows": 32.0})
        assert console._bar is not None
        text = console._bar.tasks[-1].description
    assert text == f"confidence step 10, 16 poses/s, loss 1.500, {left}"
    assert len(text) + 12 + 6 <= WIDTH


def test_a_run_of_years_is_warned_of_once(capsys):
    console = TrainConsole()
    for step in range(1, 21):
        console.step(run_at(step, max_steps=10**9), {"loss": 1.0, "step_seconds": 2.0})
    assert capsys.readouterr().err.count("warning: 1,000,000,000 steps take 63 years at this rate") == 1


def test_the_last_step_is_all_of_it(capsys):
    console = TrainConsole()
    for step in (3, 4):
        console.step(run_at(step, max_steps=4, name="score"), {"loss": 1.0, "step_seconds": 0.5, "rows": 0.0})
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "score: going on after step 2"
    assert lines[-1] == "100 %: score step 4, 2 steps/s, loss 1.000"


def test_beginning_and_end_fit(capsys):
    console = TrainConsole()
    console.begin("confidence", TrainConfig(loop=LoopConfig(max_seconds=3600.0)), Path("/long" * 40), "cuda:1")
    console.wait("docking: part 1 of 2")
    console.end("score", Path("runs/mine"), last=False)
    console.end("prior", Path("runs/mine"), last=True)
    console.end("confidence", Path("runs/mine"), last=True)
    done = capsys.readouterr()
    assert "100,000 steps or 1 h 00 min" in done.err
    assert max(map(len, [*done.out.splitlines(), *done.err.splitlines()])) <= WIDTH
    assert "next: disco-dock train confidence -o runs/mine" in done.out
    assert "next: disco-dock predict --checkpoint runs/mine/checkpoint" in done.out


def test_other_processes_are_silent(capsys):
    console = TrainConsole(silent=True)
    console.begin("score", TrainConfig(), Path("x"), "cpu")
    console.step(run_at(1), {"loss": 1.0})
    console.end("score", Path("x"), last=True)
    assert capsys.readouterr() == ("", "")
