"""Streams that stay the same between machines, versions and batches."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.runtime.checkpoint import load_state, save_state
from disco_dock.runtime.random import PoseRandom, derive_seed, generator, rng_state, set_rng_state

keys = st.lists(st.text(max_size=5) | st.integers(-100, 100), max_size=4)


def test_seeds_do_not_change_between_versions():
    """A change here changes every pose of every seed."""
    assert derive_seed("pose", 0, "complex", 0) == 2902602139891458623
    assert derive_seed() == 8203414616412130826


@given(keys, keys)
def test_different_keys_give_different_seeds(first, second):
    assert (derive_seed(*first) == derive_seed(*second)) == (first == second)
    assert 0 <= derive_seed(*first) < 2**63


def test_integers_of_numpy_and_torch_are_integers():
    expected = derive_seed("a", 3)
    for value in (np.int64(3), np.uint8(3), torch.tensor(3)):
        assert derive_seed("a", value) == expected
    for value in (3.0, None, b"3"):
        with pytest.raises(TypeError):
            derive_seed("a", value)
    rows = PoseRandom(0, "x", np.arange(2)).normal(4)
    assert torch.equal(rows, PoseRandom(0, "x", [0, 1]).normal(4))


def test_each_key_of_a_pose_matters():
    base = PoseRandom(0, "a", [0]).normal(8)
    for other in (PoseRandom(1, "a", [0]), PoseRandom(0, "b", [0]), PoseRandom(0, "a", [1])):
        assert not torch.equal(other.normal(8), base)
    assert torch.equal(PoseRandom(0, "a", [0]).normal(8), base)
    assert torch.equal(generator("pose", 0, "a", 0).get_state(), generator("pose", 0, "a", 0).get_state())


@given(st.lists(st.integers(0, 50), min_size=1, max_size=5), st.data())
def test_drawing_for_one_pose_does_not_move_another(indices, data):
    together = PoseRandom(3, "x", indices)
    alone = [PoseRandom(3, "x", [index]) for index in indices]
    for _ in range(3):
        kind = data.draw(st.sampled_from(["normal", "uniform"]))
        shape = data.draw(st.sampled_from([(), (3,), (2, 2), (0,)]))
        found = getattr(together, kind)(*shape)
        assert found.dtype == torch.float32 and found.shape == (len(indices), *shape) and len(together) == len(indices)
        for row, single in enumerate(alone):
            assert torch.equal(getattr(single, kind)(*shape)[0], found[row])


def test_padded_draws_take_only_what_a_pose_needs():
    names, counts = ["x", "y", "x"], [2, 0, 4]
    for kind in ("normal", "uniform"):
        rows = PoseRandom(3, names, [0, 0, 1])
        found, after = getattr(rows, f"padded_{kind}")(counts, 5), rows.normal(3)
        for k, (name, index) in enumerate(zip(names, [0, 0, 1], strict=True)):
            alone = PoseRandom(3, name, [index])
            assert torch.equal(found[k, : counts[k]], getattr(alone, kind)(counts[k])[0])
            assert not found[k, counts[k] :].any()
            assert torch.equal(after[k], alone.normal(3)[0])


def test_numbers_have_their_distributions():
    streams = PoseRandom(0, "x", range(50))
    normal, uniform = streams.normal(2000), streams.uniform(2000)
    assert float(normal.mean()) == pytest.approx(0.0, abs=0.02) and float(normal.std()) == pytest.approx(1.0, abs=0.02)
    assert (
        float(uniform.mean()) == pytest.approx(0.5, abs=0.01) and 0 <= float(uniform.min()) <= float(uniform.max()) < 1
    )
    correlation = torch.corrcoef(normal) - torch.eye(50)
    assert float(correlation.abs().max()) < 0.12  # streams of different poses are unrelated


def test_global_state_survives_a_file(tmp_path):
    np.random.standard_normal()  # noqa: NPY002 - leaves a cached second normal number in the state
    random.gauss(0, 1)
    save_state(tmp_path / "s.pt", {"rng": rng_state()})

    def draw():
        return (
            random.gauss(0, 1),
            random.random(),
            np.random.standard_normal(3).tolist(),  # noqa: NPY002
            torch.randn(3).tolist(),
        )

    expected = draw()
    set_rng_state(load_state(tmp_path / "s.pt")["rng"])
    assert draw() == expected


def test_states_of_devices_are_kept_where_there_are_as_many(monkeypatch):
    states, put = [torch.zeros(16, dtype=torch.uint8)], []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: states)
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", put.append)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    state = rng_state()
    set_rng_state(state)
    assert put == [states]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    set_rng_state(state)
    assert put == [states]
