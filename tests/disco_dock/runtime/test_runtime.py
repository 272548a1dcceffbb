"""Configuration, files, checkpoints, random streams, averages, logs and the loop."""

from __future__ import annotations

import json
import os
import pickle
import random
import signal
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.runtime.checkpoint import load_into, load_state, load_weights, save_state, save_weights
from disco_dock.runtime.config import apply_overrides, from_dict, read_yaml, to_dict, write_yaml
from disco_dock.runtime.device import resolve_device
from disco_dock.runtime.ema import ExponentialMovingAverage
from disco_dock.runtime.errors import CheckpointError, ConfigError, DiscoError, InputError, NumericsError
from disco_dock.runtime.files import atomic_write, cache_dir, sha256_file
from disco_dock.runtime.log import MetricsLog
from disco_dock.runtime.loop import LoopConfig, TrainingRun
from disco_dock.runtime.random import PoseRandom, derive_seed, rng_state, set_rng_state


@dataclass(frozen=True)
class Inner:
    width: int = 3
    rate: float = 0.5
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner = field(default_factory=Inner)
    sizes: tuple[int, ...] = (1, 2)
    note: str | None = None

    def __post_init__(self):
        if not self.name:
            raise ValueError("name is empty")


@given(st.text(min_size=1), st.integers(), st.lists(st.integers(), max_size=4), st.none() | st.text())
def test_config_round_trip(name, width, sizes, note):
    config = Outer(name, Inner(width=width), tuple(sizes), note)
    assert from_dict(Outer, to_dict(config)) == config
    assert from_dict(Outer, json.loads(json.dumps(to_dict(config)))) == config


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ({}, ["config.name", "missing"]),
        ({"name": "x", "inner": {"widht": 3}}, ["config.inner.widht", "did you mean 'width'"]),
        ({"name": "x", "inner": {"width": "3"}}, ["config.inner.width", "expected int", "'3'"]),
        ({"name": "x", "inner": {"width": True}}, ["config.inner.width", "expected int"]),
        ({"name": "x", "inner": {"kind": "c"}}, ["config.inner.kind", "'a', 'b'"]),
        ({"name": "x", "sizes": 3}, ["config.sizes", "list"]),
        ({"name": "x", "inner": 3}, ["config.inner", "mapping"]),
        ({"name": ""}, ["name is empty"]),
    ],
)
def test_bad_config_is_one_sentence(data, parts):
    with pytest.raises(ConfigError) as error:
        from_dict(Outer, data)
    assert all(part in str(error.value) for part in parts) and "\n" not in str(error.value)


def test_overrides_and_yaml(tmp_path):
    changed = apply_overrides({"name": "x", "inner": {"width": 1}}, ["inner.width=5", "inner.rate=2", "sizes=[4, 5]"])
    assert from_dict(Outer, changed) == Outer("x", Inner(width=5, rate=2.0), (4, 5))
    write_yaml(tmp_path / "c.yaml", changed)
    assert read_yaml(tmp_path / "c.yaml") == changed
    for bad in ("inner.width", "=3", "name.first=2"):
        with pytest.raises(ConfigError):
            apply_overrides({"name": "x"}, [bad])
    (tmp_path / "list.yaml").write_text("- 1")
    (tmp_path / "bad.yaml").write_text("a: [")
    for name in ("list.yaml", "bad.yaml", "absent.yaml"):
        with pytest.raises(ConfigError, match=name):
            read_yaml(tmp_path / name)


def test_atomic_write_leaves_nothing_on_failure(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    with atomic_write(path, "w") as handle:
        handle.write("first")
    with pytest.raises(ZeroDivisionError), atomic_write(path, "w") as handle:
        handle.write("second")
        _ = 1 / 0
    assert path.read_text() == "first" and os.listdir(path.parent) == ["file.txt"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    assert sha256_file(path) == "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e"


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("DISCO_DOCK_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.delenv("DISCO_DOCK_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert cache_dir() == tmp_path / "x" / "disco-dock"


def test_weights_round_trip_and_damage(tmp_path):
    path, tensors = tmp_path / "w.safetensors", {"a": torch.randn(2, 3), "b.c": torch.arange(4)}
    save_weights(path, tensors, {"part": "score"})
    found, metadata = load_weights(path)
    assert metadata == {"part": "score"} and all(torch.equal(found[key], tensors[key]) for key in tensors)
    (tmp_path / "short.safetensors").write_bytes(path.read_bytes()[:-4])
    (tmp_path / "pickle.safetensors").write_bytes(pickle.dumps({"a": 1}))
    from safetensors.torch import save_file

    save_file(tensors, tmp_path / "foreign.safetensors")
    save_file(tensors, tmp_path / "newer.safetensors", metadata={"disco": json.dumps({"format": 99})})
    cases = {
        "short": "readable",
        "pickle": "readable",
        "foreign": "another program",
        "newer": "format 99",
        "absent": "no such",
    }
    for name, message in cases.items():
        with pytest.raises(CheckpointError, match=f"{name}.safetensors.*{message}"):
            load_weights(tmp_path / f"{name}.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("bias"), "'bias' is missing"),
        (lambda tensors: tensors.update(extra=torch.zeros(1)), "'extra' is not expected"),
        (lambda tensors: tensors.update(weight=torch.zeros(2, 2)), r"'weight' has shape \(2, 2\), expected \(3, 2\)"),
    ],
)
def test_weights_of_another_model(change, message):
    module = torch.nn.Linear(2, 3)
    tensors = dict(torch.nn.Linear(2, 3).state_dict())
    load_into(module, tensors, where="w")
    assert torch.equal(module.weight, tensors["weight"])
    change(tensors)
    with pytest.raises(CheckpointError, match=message):
        load_into(module, tensors, where="w")


class Evil:
    def __reduce__(self):
        return os.system, ("echo never",)


def test_states_hold_no_code(tmp_path):
    save_state(tmp_path / "s.pt", {"step": 3, "value": torch.ones(2)})
    assert load_state(tmp_path / "s.pt")["step"] == 3
    torch.save({"evil": Evil()}, tmp_path / "evil.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "s.pt").read_bytes()[:100])
    for name in ("evil.pt", "cut.pt", "absent.pt"):
        with pytest.raises(CheckpointError, match=name):
            load_state(tmp_path / name)


def test_seeds_are_stable_and_unambiguous():
    assert derive_seed("a", 1) == derive_seed("a", 1) < 2**63
    seeds = [
        derive_seed("a", 1),
        derive_seed("a", "1"),
        derive_seed("a1"),
        derive_seed("a", 1, ""),
        derive_seed(1, "a"),
    ]
    assert len(set(seeds)) == 5


@given(st.integers(0, 5), st.permutations(range(6)))
def test_pose_streams_do_not_depend_on_each_other(seed, order):
    together = PoseRandom(seed, "x", order)
    first, second = together.normal(3), together.uniform(2)
    for row, index in enumerate(order):
        alone = PoseRandom(seed, "x", [index])
        assert torch.equal(alone.normal(3)[0], first[row]) and torch.equal(alone.uniform(2)[0], second[row])
    assert 0 <= float(second.min()) and float(second.max()) < 1


def test_global_state_is_put_back():
    state = rng_state()
    draw = (random.random(), np.random.rand(), float(torch.rand(1)))  # noqa: NPY002
    set_rng_state(state)
    assert (random.random(), np.random.rand(), float(torch.rand(1))) == draw  # noqa: NPY002


def test_average_warms_up_swaps_and_resumes():
    module = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        module.weight.fill_(0.0)
    ema = ExponentialMovingAverage(module, 0.9)
    with torch.no_grad():
        module.weight.fill_(1.0)
    ema.update(module)
    assert float(ema.shadow["weight"]) == pytest.approx(1 - 2 / 11)  # rate (1 + n) / (10 + n)
    for _ in range(200):
        ema.update(module)
    before = float(ema.shadow["weight"])
    with torch.no_grad():
        module.weight.fill_(0.0)
    ema.update(module)
    assert float(ema.shadow["weight"]) == pytest.approx(0.9 * before)
    with ema.swapped(module):
        assert float(module.weight.detach()) == pytest.approx(0.9 * before)
    assert float(module.weight.detach()) == 0.0
    other = ExponentialMovingAverage(module, 0.9)
    other.load_state_dict(ema.state_dict())
    assert other.updates == ema.updates and torch.equal(other.shadow["weight"], ema.shadow["weight"])
    with pytest.raises(ValueError, match="decay"):
        ExponentialMovingAverage(module, 1.0)


def test_log_drops_lines_after_the_resumed_step(tmp_path):
    path = tmp_path / "m.jsonl"
    log = MetricsLog(path)
    for step in (1, 2, 3):
        log.write(step, {"loss": step / 2})
    with path.open("a") as handle:
        handle.write('{"step": 4, "lo')
    MetricsLog(path, resume_step=2).write(3, {"loss": 9.0})
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["step"], row["loss"]) for row in rows] == [(1, 0.5), (2, 1.0), (3, 9.0)]


def test_devices():
    assert resolve_device("cpu").type == "cpu" and resolve_device("auto").type in ("cpu", "cuda")
    for name in ("tpu", "cuda:99", "meta"):
        with pytest.raises(ConfigError, match=name):
            resolve_device(name)


def test_every_error_has_its_code():
    for error, code in (
        (InputError, "input"),
        (ConfigError, "config"),
        (CheckpointError, "checkpoint"),
        (NumericsError, "numerics"),
    ):
        assert issubclass(error, DiscoError) and error.code == code


def small_run(folder, steps=6, **options):
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    optimiser = torch.optim.AdamW(model.parameters())
    config = LoopConfig(max_steps=steps, log_every=1, warmup_steps=2, **options)
    return TrainingRun(model, optimiser, ExponentialMovingAverage(model, 0.9), folder, config)


def batch(step):
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(step))


def test_rate_warms_up_and_decays():
    config = LoopConfig(max_steps=100, learning_rate=1.0, warmup_steps=10, final_share=0.1)
    assert config.rate(0.0, 0) == pytest.approx(0.1) and config.rate(0.0, 50) == pytest.approx(1.0)
    assert config.rate(1.0, 99) == pytest.approx(0.1) == config.rate(2.0, 200)
    for bad in ({"max_steps": 0}, {"clip_norm": -1.0}, {"log_every": 0}):
        with pytest.raises(ConfigError, match="loop"):
            LoopConfig(**bad)


@pytest.mark.parametrize("kill_at", [1, 3, 5])
def test_killed_run_resumes_bit_for_bit(tmp_path, kill_at):
    def train(run, killed=False):
        def loss(data, step):
            if killed and step == kill_at:
                os.kill(os.getpid(), signal.SIGTERM)
            noisy = data + torch.randn(4, 3)  # the global generator is part of the state
            return run.model(noisy).square().mean(), {"loss": 0.0}

        run.run(batch, loss)
        return run

    whole = train(small_run(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        train(small_run(tmp_path / "cut"), killed=True)
    resumed = train(small_run(tmp_path / "cut"))
    assert torch.equal(whole.model.weight, resumed.model.weight)
    assert whole.ema is not None and resumed.ema is not None
    assert torch.equal(whole.ema.shadow["weight"], resumed.ema.shadow["weight"])
    steps = [json.loads(line)["step"] for line in (tmp_path / "cut" / "metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6]


def test_gradients_are_clipped(tmp_path):
    run = small_run(tmp_path, steps=1, clip_norm=0.01)
    run.run(batch, lambda data, step: (1e4 * run.model(data).square().mean(), {}))
    assert float(torch.stack([p.grad.norm() for p in run.model.parameters() if p.grad is not None]).norm()) <= 0.0101


def test_losses_that_are_not_finite_are_skipped_then_fatal(tmp_path):
    run = small_run(tmp_path, steps=30)
    before = run.model.weight.clone()
    with pytest.raises(NumericsError, match="20 losses in a row"):
        run.run(batch, lambda data, step: (run.model(data).mean() * float("nan"), {}))
    assert torch.equal(run.model.weight, before)


def test_state_that_cannot_be_written_is_a_warning_and_an_error_at_the_end(tmp_path, caplog):
    run = small_run(tmp_path / "run", steps=1)
    (tmp_path / "run" / "state.pt").mkdir()
    with pytest.raises(InputError, match="could not be written"):
        run.run(batch, lambda data, step: (run.model(data).mean(), {}))
    assert "not written" in caplog.text and run.step == 1
