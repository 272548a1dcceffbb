"""The loop: exact resume after any kind of end, limits, rates, reports, and steps that go wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from disco_dock.runtime import loop
from disco_dock.runtime.checkpoint import load_state
from disco_dock.runtime.ema import ExponentialMovingAverage
from disco_dock.runtime.errors import CheckpointError, NumericsError
from disco_dock.runtime.loop import LoopConfig, TrainingRun

STEPS = 8
ROOT = Path(__file__).parents[3]


class Killed(BaseException):
    """Stands for the end of the process: nothing after it is written."""


def make(folder, *, width=3, ema=True, **options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.Dropout(0.3), nn.Linear(width, 1))
    optimiser = torch.optim.AdamW(model.parameters())
    config = LoopConfig(**{"max_steps": STEPS, "log_every": 1, "warmup_steps": 3, "checkpoint_seconds": 0.0, **options})
    return TrainingRun(model, optimiser, ExponentialMovingAverage(model, 0.9) if ema else None, folder, config)


def batch(step):
    return torch.randn(6, 3, generator=torch.Generator().manual_seed(step))


def train(run, before=None, on_checkpoint=None):
    def loss(data, step):
        if before is not None:
            before(step)
        value = run.model(data).square().mean()
        return value, {"loss": float(value.detach())}

    run.run(batch, loss, on_checkpoint)
    return run


def contents(run):
    """All numbers of a run, flat: parameters, running statistics, average, moments of the optimiser."""
    moments = [state for _, state in sorted(run.optimiser.state_dict()["state"].items())]
    average = list(run.ema.shadow.values()) if run.ema is not None else []
    values = [*run.model.state_dict().values(), *average, *(value for state in moments for value in state.values())]
    return torch.cat([value.double().flatten() for value in values])


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return contents(train(make(folder))), [(row["step"], row["loss"], row["lr"]) for row in rows(folder)]


@pytest.mark.parametrize("kills", [(0,), (1,), (4,), (7,), (2, 3, 6), tuple(range(STEPS))])
def test_run_killed_anywhere_ends_as_if_never_killed(tmp_path, whole, kills):
    for kill in kills:

        def die(step, kill=kill):
            if step == kill:
                raise Killed

        with pytest.raises(Killed):
            train(make(tmp_path), die)
        torch.rand(7)  # whatever the next process draws before it resumes
    run = train(make(tmp_path))
    assert run.step == STEPS and torch.equal(contents(run), whole[0])
    assert [(row["step"], row["loss"], row["lr"]) for row in rows(tmp_path)] == whole[1]


def test_run_killed_between_two_states_repeats_the_steps_since_the_last(tmp_path, whole, monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr(loop.time, "monotonic", lambda: float(next(clock)))  # a step takes a few ticks

    def die(step):
        if step == 5:
            raise Killed

    with pytest.raises(Killed):
        train(make(tmp_path, checkpoint_seconds=12.0), die)
    assert 0 < load_state(tmp_path / "state.pt")["step"] < 5
    run = train(make(tmp_path, checkpoint_seconds=12.0))
    assert torch.equal(contents(run), whole[0])
    assert [(row["step"], row["loss"], row["lr"]) for row in rows(tmp_path)] == whole[1]


CHILD = """
import os, signal, sys
sys.path.insert(0, {root!r})
from pathlib import Path
import torch
torch.set_num_threads({threads})
from tests.disco_dock.runtime.test_loop import make, train
def die(step):
    if step == 5:
        os.kill(os.getpid(), signal.SIGKILL)
train(make(Path({folder!r})), die)
"""


def test_process_killed_by_the_system_resumes(tmp_path, whole):
    code = CHILD.format(root=str(ROOT), folder=str(tmp_path), threads=torch.get_num_threads())
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert out.returncode == -signal.SIGKILL, out.stderr
    assert load_state(tmp_path / "state.pt")["step"] == 5 and not list(tmp_path.glob("*.tmp"))
    assert torch.equal(contents(train(make(tmp_path))), whole[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_after_the_step_with_its_state_written(tmp_path, whole, number):
    handlers = [signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)]
    seen = []
    with pytest.raises(KeyboardInterrupt):
        train(
            make(tmp_path, checkpoint_seconds=1e9),
            lambda step: os.kill(os.getpid(), number) if step == 2 else None,
            lambda: seen.append(1),
        )
    assert load_state(tmp_path / "state.pt")["step"] == 3 and seen == [1]
    assert [signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert torch.equal(contents(train(make(tmp_path))), whole[0])


def test_handlers_are_put_back_after_an_error(tmp_path):
    handlers = [signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)]

    def fail(step):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(make(tmp_path), fail)
    assert [signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_finished_run_trains_no_further(tmp_path, whole):
    train(make(tmp_path))

    def fail(step):
        raise AssertionError("a step of a finished run")

    seen = []
    assert torch.equal(contents(train(make(tmp_path), fail, lambda: seen.append(1))), whole[0])
    assert seen == [1]


def test_checkpoints_are_announced_after_they_are_written(tmp_path):
    steps = []
    train(make(tmp_path), on_checkpoint=lambda: steps.append(load_state(tmp_path / "state.pt")["step"]))
    assert steps == [*range(1, STEPS + 1), STEPS]


def test_time_limit_counts_over_resumes(tmp_path, monkeypatch):
    clock = iter(range(100_000))
    monkeypatch.setattr(loop.time, "monotonic", lambda: float(next(clock)))
    options = {"max_steps": 1000, "max_seconds": 30.0, "checkpoint_seconds": 1e9}

    def stop(step):
        if step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        train(make(tmp_path, **options), stop)
    spent = load_state(tmp_path / "state.pt")["seconds"]
    assert 0 < spent < 30
    run = make(tmp_path, **options)
    assert run.seconds == spent and run.progress() == pytest.approx(spent / 30)
    train(run)
    assert 30 <= run.seconds < 30 + spent and run.step < 1000


def test_rates_follow_the_schedule_and_the_groups_factor(tmp_path):
    run = make(tmp_path)
    run.optimiser.add_param_group({"params": [nn.Parameter(torch.zeros(1))], "rate_factor": 0.1})
    used = []
    step = run.optimiser.step
    run.optimiser.step = lambda *args: (used.append([group["lr"] for group in run.optimiser.param_groups]), step(*args))
    train(run)
    expected = [run.config.rate(k / STEPS, k) for k in range(STEPS)]
    assert [pair[0] for pair in used] == pytest.approx(expected)
    assert [pair[1] for pair in used] == pytest.approx([0.1 * value for value in expected])
    assert [row["lr"] for row in rows(tmp_path)] == pytest.approx(expected)
    assert expected[0] < expected[2] > expected[-1] > 0


def test_lines_are_means_since_the_last_line(tmp_path):
    run = make(tmp_path, log_every=3)
    run.run(batch, lambda data, step: (run.model(data).mean(), {"step_number": float(step)}))
    assert [(row["step"], row["step_number"]) for row in rows(tmp_path)] == [(3, 1.0), (6, 4.0)]


def test_model_is_in_training_mode(tmp_path):
    run = make(tmp_path)
    run.model.eval()
    modes = []
    train(run, lambda step: modes.append(run.model.training))
    assert all(modes)


@pytest.mark.parametrize("bad", ["loss", "gradient", "input"])
def test_step_that_is_not_finite_leaves_no_trace(tmp_path, bad):
    """Neither parameters nor running statistics nor the average nor the moments see a bad batch."""
    run = make(tmp_path)
    states, steps = {}, []

    def loss(data, step):
        states[step] = contents(run)
        steps.append(step)
        if step != 4:
            return run.model(data).square().mean(), {}
        if bad == "input":
            data = data * float("nan")
        value = run.model(data).square().mean()
        if bad == "loss":
            value = value * float("inf")
        if bad == "gradient":  # finite value, derivative of the root at zero
            value = value + (value - value.detach()).abs().sqrt()
        return value, {}

    run.run(batch, loss)
    assert steps == list(range(STEPS))
    assert torch.equal(states[4], states[5]) and not torch.equal(states[5], states[6])
    assert torch.isfinite(contents(run)).all() and run.bad_steps == 0


def test_bad_steps_must_follow_each_other_to_end_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "MAX_BAD_STEPS", 3)

    def spoil(run, which):
        def loss(data, step):
            return run.model(data).mean() * (float("nan") if step in which else 1.0), {}

        run.run(batch, loss)
        return run

    assert spoil(make(tmp_path / "scattered"), {0, 1, 3, 4, 6, 7}).bad_steps == 2
    with pytest.raises(NumericsError, match=r"3 losses in a row .*step 4"):
        spoil(make(tmp_path / "row"), {2, 3, 4})


def test_resumed_run_remembers_its_bad_steps(tmp_path):
    run = make(tmp_path)
    run.bad_steps = 2
    run.save()
    assert make(tmp_path).bad_steps == 2


@pytest.mark.parametrize("change", [{"width": 4}, {"ema": True}])
def test_state_of_another_run_is_refused_in_one_sentence(tmp_path, change):
    train(make(tmp_path, ema=False))
    with pytest.raises(CheckpointError, match=r"state\.pt: the training state of another model") as error:
        make(tmp_path, **change)
    assert "\n" not in str(error.value)


def test_damaged_state_is_refused(tmp_path):
    train(make(tmp_path))
    path = tmp_path / "state.pt"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CheckpointError, match=r"state\.pt: not a readable training state"):
        make(tmp_path)


def test_run_without_average(tmp_path):
    first = train(make(tmp_path / "a", ema=False))
    with pytest.raises(Killed):
        train(make(tmp_path / "b", ema=False), lambda step: (_ for _ in ()).throw(Killed) if step == 3 else None)
    assert torch.equal(contents(train(make(tmp_path / "b", ema=False))), contents(first))
