"""Which complexes a step sees."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.data.plan import BatchPlan
from disco_dock.runtime.prefetch import Prefetcher


def plan(count=101, seed=0, **options):
    rng = np.random.default_rng(1)
    return BatchPlan(rng.integers(5, 50, count), rng.integers(50, 900, count), batch_size=8, seed=seed, **options)


@given(st.integers(0, 5), st.integers(1, 60), st.sampled_from([0, 1, 20_000, 60_000, 10**9]))
def test_an_epoch_sees_every_complex_once(seed, count, limit):
    one = plan(count, seed, max_cost=limit)
    for epoch in range(2):
        assert sorted(i for step in one.steps(epoch) for i in one.batch(step)) == list(range(count))


def test_batch_depends_on_seed_and_step_only():
    for limit in (0, 60_000):
        one, other = plan(max_cost=limit), plan(max_cost=limit)
        late = other.batch(90)  # without the steps before it
        assert [one.batch(step) for step in range(91)][90] == late
        assert other.batch(3) == one.batch(3)  # back in an earlier epoch
    assert plan(seed=1).batch(0) != plan(seed=0).batch(0)


def test_batches_hold_similar_sizes():
    one = plan(400)
    spread = [np.ptp(one.residues[one.batch(step)]) for step in one.steps(0)]
    assert np.mean(spread) < 0.5 * np.ptp(one.residues)


def test_cost_limit():
    limit = 60_000
    one = plan(max_cost=limit)
    for step in one.steps(0):
        chosen = one.batch(step)
        cost = one.atoms[chosen].max() * one.residues[chosen].max() * len(chosen)
        assert len(chosen) == 1 or cost <= limit


def test_empty_plan():
    with pytest.raises(ValueError, match="complexes"):
        BatchPlan(np.array([]), np.array([]), batch_size=2, seed=0)


def test_prefetcher_returns_batches_in_order_and_passes_errors_on():
    seen = threading.Event()

    def make(step):
        if step == 3:
            raise ValueError("step 3")
        if step == 2:
            seen.set()
        return step * step

    fetch = Prefetcher(make)
    try:
        assert [fetch(step) for step in range(3)] == [0, 1, 4]
        assert seen.is_set()
        with pytest.raises(ValueError, match="step 3"):
            fetch(3)
    finally:
        fetch.close()


def test_cost_limit_fills_batches_as_far_as_it_allows():
    atoms, residues = np.full(64, 20), np.full(64, 100)
    one = BatchPlan(atoms, residues, batch_size=8, seed=0, max_cost=10_000)
    assert sorted(len(one.batch(step)) for step in one.steps(0)) == [4] + [5] * 12
