"""The shared machinery of discrete latents, for node pointers and codebooks alike."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from disco_dock.latents.autoregressive import log_probability, sample_codes
from disco_dock.latents.dropout import draw_keep, drop_codes
from disco_dock.latents.guidance import GuidanceConfig, guide
from disco_dock.latents.gumbel import gumbel_noise, straight_through_one_hot
from disco_dock.latents.metrics import accuracy, code_usage, entropy, perplexity
from disco_dock.latents.schedule import TemperatureSchedule
from disco_dock.latents.spaces import Codebook, NodePointer, is_null, null_code, one_hot, to_index


class Pair(NamedTuple):
    a: Tensor
    b: Tensor


def test_draw_is_exactly_one_hot_and_follows_the_softmax():
    logits = torch.tensor([1.0, 0.0, -1.0, 2.0])
    uniform = torch.rand(40_000, 4)
    drawn = straight_through_one_hot(logits.expand(40_000, 4), temperature=0.3, uniform=uniform)
    assert set(drawn.unique().tolist()) <= {0.0, 1.0} and torch.equal(drawn.sum(-1), torch.ones(40_000))
    torch.testing.assert_close(drawn.mean(0), logits.softmax(-1), atol=0.01, rtol=0)


@given(st.floats(0.1, 5.0), st.integers(0, 100))
def test_gradient_is_that_of_the_relaxation(temperature, seed):
    draws = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 5, generator=draws, dtype=torch.float64).requires_grad_()
    uniform, weight = (
        torch.rand(3, 5, generator=draws, dtype=torch.float64),
        torch.randn(3, 5, generator=draws).double(),
    )
    (straight_through_one_hot(logits, temperature=temperature, uniform=uniform) * weight).sum().backward()
    found = logits.grad.clone()
    logits.grad = None
    (torch.softmax((logits + gumbel_noise(uniform)) / temperature, -1) * weight).sum().backward()
    torch.testing.assert_close(found, logits.grad)
    assert float(found.abs().sum()) > 0


def test_masked_entries_are_never_drawn_and_get_no_gradient():
    logits = torch.zeros(500, 4, requires_grad=True)
    with torch.no_grad():
        logits[:, 2] = 50.0
    mask = torch.tensor([True, True, False, True])
    drawn = straight_through_one_hot(logits, temperature=0.5, uniform=torch.rand(500, 4), mask=mask.expand(500, 4))
    assert not drawn[:, 2].any()
    (drawn * torch.randn(500, 4)).sum().backward()
    assert torch.isfinite(logits.grad).all() and not logits.grad[:, 2].any()


def test_extreme_uniform_numbers_stay_finite():
    assert torch.isfinite(gumbel_noise(torch.tensor([0.0, 1e-30, 0.5, 1.0 - 1e-7]))).all()


def test_bad_arguments():
    with pytest.raises(ValueError, match="temperature"):
        straight_through_one_hot(torch.zeros(2), temperature=0.0, uniform=torch.rand(2))
    with pytest.raises(ValueError, match="mask"):
        straight_through_one_hot(torch.zeros(2), temperature=1.0, uniform=torch.rand(2), mask=torch.zeros(2).bool())
    with pytest.raises(ValueError, match="vocabulary"):
        one_hot(torch.tensor([3]), 3)
    for space in (lambda: NodePointer(num_latents=-1), lambda: Codebook(num_latents=1, vocab_size=0)):
        with pytest.raises(ValueError, match=r"-1|positive"):
            space()


def test_spaces():
    assert NodePointer(num_latents=2).logits_shape(17) == (2, 17)
    assert Codebook(num_latents=10, vocab_size=100).logits_shape() == (10, 100)


@given(st.lists(st.integers(-1, 6), min_size=1, max_size=5))
def test_index_to_code_and_back(values):
    index = torch.tensor([values])
    code = one_hot(index, 7)
    assert torch.equal(to_index(code), index)
    assert torch.equal(is_null(code), index < 0)
    assert torch.equal(is_null(null_code(1, len(values), 7)), torch.ones(1, len(values), dtype=torch.bool))


def test_dropout_drops_whole_samples():
    keep = draw_keep(10_000, 0.1, torch.Generator().manual_seed(0))
    assert float(keep.mean()) == pytest.approx(0.9, abs=0.01)
    code = one_hot(torch.randint(5, (10_000, 3)), 5)
    dropped = drop_codes(code, keep)
    assert torch.equal(is_null(dropped).all(1), keep == 0) and torch.equal(dropped[keep == 1], code[keep == 1])
    with pytest.raises(ValueError, match="rate"):
        draw_keep(2, 1.5, torch.Generator())


def test_guidance():
    given_, null = torch.tensor([3.0]), torch.tensor([1.0])
    assert float(guide(given_, null, 0.0)) == 3.0 and float(guide(given_, null, 2.0)) == 7.0
    assert float(guide(given_, null, -1.0)) == 1.0
    pair = guide(Pair(given_, null), Pair(null, given_), 1.0)
    assert isinstance(pair, Pair) and (float(pair.a), float(pair.b)) == (5.0, -1.0)
    config = GuidanceConfig(weight=1.0, t_min=0.2, t_max=0.6)
    assert [config.active(t) for t in (0.1, 0.2, 0.6, 0.7)] == [False, True, True, False]
    assert not GuidanceConfig().active(0.5)
    with pytest.raises(ValueError, match="t_min"):
        GuidanceConfig(t_min=0.8, t_max=0.3)


def test_temperature_schedule():
    linear = TemperatureSchedule(kind="linear", start=2.0, end=1.0, steps=10)
    assert [linear.at(step) for step in (0, 5, 10, 99)] == [2.0, 1.5, 1.0, 1.0]
    falling = TemperatureSchedule(kind="exponential", start=4.0, end=1.0, steps=2)
    assert falling.at(1) == pytest.approx(2.0) and TemperatureSchedule(start=0.7).at(50) == 0.7
    for bad in ({"kind": "cosine"}, {"start": 0.0}, {"steps": 0}):
        with pytest.raises(ValueError, match=r"kind|temperatures"):
            TemperatureSchedule(**bad)


VOCAB, LATENTS = 4, 3


def next_logits(index, position):
    """A made-up prior in which each latent depends on all earlier ones."""
    base = torch.arange(VOCAB, dtype=torch.float32) * 0.3 * (position + 1)
    shift = (index * torch.arange(1, index.shape[1] + 1)).sum(1, keepdim=True).float()
    return torch.sin(base + shift) * 2


def test_probabilities_of_all_codes_sum_to_one():
    every = torch.tensor(list(itertools.product(range(VOCAB), repeat=LATENTS)))
    for inverse in (0.3, 1.0):
        total = log_probability(next_logits, every, inverse_temperature=inverse).exp().sum()
        assert float(total) == pytest.approx(1.0, abs=1e-9)


def test_samples_follow_the_probabilities_and_report_them():
    count = 20_000
    index, log_p = sample_codes(next_logits, num_latents=LATENTS, uniform=torch.rand(count, LATENTS))
    torch.testing.assert_close(log_p, log_probability(next_logits, index))
    flat = (index * torch.tensor([VOCAB**2, VOCAB, 1])).sum(1)
    share = torch.bincount(flat, minlength=VOCAB**LATENTS).double() / count
    every = torch.tensor(list(itertools.product(range(VOCAB), repeat=LATENTS)))
    torch.testing.assert_close(share, log_probability(next_logits, every).exp(), atol=0.012, rtol=0)


def test_a_sample_does_not_depend_on_its_batch():
    uniform = torch.rand(6, LATENTS)
    together, _ = sample_codes(next_logits, num_latents=LATENTS, uniform=uniform)
    alone = torch.cat([sample_codes(next_logits, num_latents=LATENTS, uniform=row[None])[0] for row in uniform])
    assert torch.equal(together, alone)


def test_cold_sampling_forcing_and_masking():
    uniform = torch.rand(50, LATENTS)
    cold, _ = sample_codes(next_logits, num_latents=LATENTS, uniform=uniform, inverse_temperature=100.0)
    assert (cold == cold[0]).all() and int(cold[0, 0]) == int(next_logits(cold[:1, :0], 0).argmax())
    forced = torch.full((50, LATENTS), -1)
    forced[:, 1] = 2
    index, _ = sample_codes(next_logits, num_latents=LATENTS, uniform=uniform, forced=forced)
    assert (index[:, 1] == 2).all() and len(index[:, 0].unique()) > 1
    mask = torch.tensor([True, False, True, False]).expand(50, VOCAB)
    index, log_p = sample_codes(next_logits, num_latents=LATENTS, uniform=uniform, mask=mask)
    assert set(index.flatten().tolist()) <= {0, 2} and torch.isfinite(log_p).all()
    with pytest.raises(ValueError, match="columns"):
        sample_codes(next_logits, num_latents=LATENTS, uniform=torch.rand(5, 1))


def test_huge_logits_do_not_overflow():
    index, log_p = sample_codes(lambda i, k: torch.tensor([[1e4, -1e4]]), num_latents=1, uniform=torch.rand(1, 1))
    assert index.tolist() == [[0]] and float(log_p) == 0.0


def test_metrics():
    counts = code_usage(torch.tensor([[0, 1], [0, 2], [1, 2]]), 4)
    assert counts.tolist() == [[2, 1, 0, 0], [0, 1, 2, 0]]
    assert float(perplexity(torch.tensor([5, 5, 5, 5]))) == pytest.approx(4.0)
    assert float(perplexity(torch.tensor([7, 0, 0]))) == pytest.approx(1.0)
    assert float(entropy(torch.zeros(8))) == pytest.approx(math.log(8))
    assert float(entropy(torch.zeros(8), torch.arange(8) < 2)) == pytest.approx(math.log(2))
    assert float(accuracy(torch.eye(3), torch.tensor([0, 1, 0]))) == pytest.approx(2 / 3)
