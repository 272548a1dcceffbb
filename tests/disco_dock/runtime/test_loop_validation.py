"""Validation in the loop: best weights, plateau, full disks, kills between any two files, 16-bit precision, pauses."""

from __future__ import annotations

import json
import os
import resource
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from disco_dock.runtime import files
from disco_dock.runtime.checkpoint import load_state, load_weights, save_weights
from disco_dock.runtime.ema import ExponentialMovingAverage
from disco_dock.runtime.errors import ConfigError, InputError
from disco_dock.runtime.files import write_together
from disco_dock.runtime.loop import LoopConfig, PausedError, TrainingRun, Validation
from disco_dock.runtime.rates import PlateauConfig, Watch

STEPS = 6
VALUES = {2: 5.0, 4: 3.0, 6: 4.0}  # the second validation is the best


class Killed(BaseException):
    """Stands for the end of the process."""


def make(folder, **options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.3), nn.Linear(8, 1))
    config = LoopConfig(**{"max_steps": STEPS, "log_every": 1, "warmup_steps": 1, "checkpoint_seconds": 0.0, **options})
    average = ExponentialMovingAverage(model, 0.9)
    return TrainingRun(model, torch.optim.AdamW(model.parameters()), average, folder, config, seed=3)


def train(folder, *, values=VALUES, every=2, mode="min", measure=None, stop_after=float("inf"), **options):
    run = make(folder, **options)

    def export():
        save_weights(folder / "best.safetensors", run.model.state_dict(), {"step": run.step})

    def loss(step_batch, step):
        value = run.model(step_batch).float().square().mean()
        return value, {"loss": float(value.detach())}

    validation = Validation(
        measure=measure or (lambda step: {"metric": values[step]}), every=every, metric="metric", mode=mode
    )
    run.run(batch, loss, export, validation=validation, stop_after=stop_after)
    return run


def batch(step):
    return torch.randn(6, 3, generator=torch.Generator().manual_seed(step))


def weights(folder):
    return (folder / "best.safetensors").read_bytes()


def state(folder):
    known = load_state(folder / "state.pt")
    tensors = [*known["model"].values(), *known["ema"]["shadow"].values()]
    return torch.cat([value.flatten() for value in tensors]), known["step"], known["watch"]


@contextmanager
def small_disk(limit):
    """No file can grow beyond so many bytes: what a full disk does to a write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_exported_weights_are_those_of_the_best_validation(tmp_path):
    run = train(tmp_path)
    assert load_weights(tmp_path / "best.safetensors")[1]["step"] == 4
    assert (run.watch.best, run.watch.best_step, run.watch.validated) == (3.0, 4, 6)
    train(tmp_path / "large", mode="max")
    assert load_weights(tmp_path / "large" / "best.safetensors")[1]["step"] == 2


def test_the_end_is_validated_once_and_a_finished_run_changes_nothing(tmp_path):
    seen = []
    run_values = {4: 2.0, 6: 1.0}

    def measure(step):
        seen.append(step)
        return {"metric": run_values[step]}

    train(tmp_path, measure=measure, every=4)
    assert seen == [4, 6]
    before, best = state(tmp_path), weights(tmp_path)
    train(tmp_path, measure=measure, every=4)
    assert seen == [4, 6] and weights(tmp_path) == best and torch.equal(state(tmp_path)[0], before[0])


def test_a_value_that_is_no_number_is_never_the_best():
    watch = Watch()
    assert not watch.see(float("nan"), 1, "min", PlateauConfig())
    assert watch.see(2.0, 2, "min", PlateauConfig()) and not watch.see(float("nan"), 3, "min", PlateauConfig())


def test_plateau_lowers_the_rate_and_is_resumed(tmp_path):
    options = {"schedule": "plateau", "plateau": PlateauConfig(factor=0.5, patience=1), "max_steps": 8, "every": 1}
    values = {step: 1.0 for step in range(1, 9)}
    train(tmp_path / "once", values=values, **options)

    def rates(folder):
        rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        return [row["lr"] for row in rows if "lr" in row]

    assert rates(tmp_path / "once") == pytest.approx([1e-3 * f for f in (1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.125)])

    def dies(step):
        if step == 5:
            raise Killed
        return {"metric": 1.0}

    with pytest.raises(Killed):
        train(tmp_path / "twice", measure=dies, **options)
    train(tmp_path / "twice", values=values, **options)
    assert rates(tmp_path / "twice") == rates(tmp_path / "once")
    assert torch.equal(state(tmp_path / "twice")[0], state(tmp_path / "once")[0])


def test_plateau_needs_a_validation_and_its_metric(tmp_path):
    with pytest.raises(ConfigError, match="watches the validation"):
        make(tmp_path, schedule="plateau").run(batch, lambda data, step: (data.sum(), {}))
    with pytest.raises(ConfigError, match=r"no 'metric' .* it has other"):
        train(tmp_path, measure=lambda step: {"other": 1.0})


@pytest.mark.parametrize("after", [False, True])
def test_process_killed_at_any_replacement_of_a_file_ends_the_same(tmp_path, monkeypatch, after):
    train(tmp_path / "whole")
    replace = os.replace
    for count in range(30):
        folder, left = tmp_path / f"killed{after}{count}", [count]

        def dying(source, target, left=left):
            left[0] -= 1
            if left[0] < 0 and not after:
                raise Killed
            replace(source, target)
            if left[0] < 0:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(files.os, "replace", dying)
            try:
                train(folder)
            except Killed:
                pass
            else:
                break
        train(folder)
        assert weights(folder) == weights(tmp_path / "whole"), count
        assert torch.equal(state(folder)[0], state(tmp_path / "whole")[0])
        assert state(folder)[1:] == state(tmp_path / "whole")[1:] and not list(folder.glob("*.tmp"))
    assert count > 5  # there were so many moments


def test_full_disk_leaves_the_last_good_state_and_weights(tmp_path, caplog):
    values = {2: 9.0, 4: 1.0, 6: 2.0}
    train(tmp_path, max_steps=2, values={2: 9.0}, schedule="constant")
    before, best = (tmp_path / "state.pt").read_bytes(), weights(tmp_path)
    with small_disk(400), pytest.raises(InputError, match="could not be written"):
        train(tmp_path, values=values, schedule="constant")
    assert "not exported" in caplog.text and "not written" in caplog.text
    assert (tmp_path / "state.pt").read_bytes() == before and weights(tmp_path) == best
    assert not list(tmp_path.glob(".*.tmp"))
    train(tmp_path, values=values, schedule="constant")  # there is space again
    train(tmp_path / "never", values=values, schedule="constant")
    assert weights(tmp_path) == weights(tmp_path / "never")


def test_several_files_are_written_together_or_not_at_all(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    write_together({first: b"1", second: b"2"})
    with small_disk(100), pytest.raises(OSError):
        write_together({first: b"3", second: b"4" * 1000})
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2") and len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_trains_and_resumes(tmp_path, precision):
    options = {"precision": precision, "max_steps": 12, "learning_rate": 1e-2, "every": 12, "values": {12: 1.0}}
    whole = train(tmp_path / "once", **options)
    assert all(parameter.dtype == torch.float32 for parameter in whole.model.parameters())
    rows = [json.loads(line) for line in (tmp_path / "once" / "metrics.jsonl").read_text().splitlines()]
    assert rows[10]["loss"] < rows[0]["loss"]

    run = make(tmp_path / "twice", **{k: v for k, v in options.items() if k not in ("every", "values")})

    def loss(data, step):
        if step == 5:
            raise Killed
        value = run.model(data).float().square().mean()
        return value, {"loss": float(value.detach())}

    with pytest.raises(Killed):
        run.run(batch, loss)
    train(tmp_path / "twice", **options)
    assert torch.equal(state(tmp_path / "twice")[0], state(tmp_path / "once")[0])


def test_products_run_in_the_named_precision(tmp_path):
    run = make(tmp_path, precision="bf16", max_steps=1)
    kinds = []

    def loss(data, step):
        out = run.model(data)
        kinds.append(out.dtype)
        return out.float().mean(), {}

    run.run(batch, loss)
    assert kinds == [torch.bfloat16]


def test_pause_keeps_the_state_and_says_so(tmp_path):
    with pytest.raises(PausedError, match="paused at step 0"):
        train(tmp_path, stop_after=-1.0)
    train(tmp_path)
    train(tmp_path / "never")
    assert torch.equal(state(tmp_path)[0], state(tmp_path / "never")[0])


def test_tensorboard_gets_the_numbers(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(tmp_path, tensorboard=True)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == list(range(1, STEPS + 1))
    assert [event.value for event in events.Scalars("metric")] == list(VALUES.values())
