"""Priors over several latents: distributions with temperature and mask, likelihoods, forcing, batches."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.latents.autoregressive import GREEDY, log_probability, sample_codes

VOCAB, LATENTS = 4, 2
EVERY = torch.tensor(list(itertools.product(range(VOCAB), repeat=LATENTS)))
MASK = torch.tensor([True, False, True, True])


def next_logits(index, position):
    """A made-up prior in which the second latent depends on the first."""
    base = torch.sin(torch.arange(VOCAB) * 1.7 + position)
    return 2 * base + (index.sum(1, keepdim=True) * torch.tensor([0.5, -0.3, 0.0, 0.2]))


def by_hand(code, inverse, mask):
    """Probability of a code, multiplied out with plain exponentials."""
    probability = 1.0
    for position, entry in enumerate(code):
        logits = next_logits(torch.tensor([code[:position]], dtype=torch.long).view(1, position), position)[0]
        weights = [math.exp(inverse * float(value)) * bool(mask[k]) for k, value in enumerate(logits)]
        probability *= weights[entry] / sum(weights)
    return probability


@pytest.mark.parametrize("inverse", [0.22313016, 1.0, 3.0])
@pytest.mark.parametrize("masked", [False, True])
def test_likelihood_by_hand_and_frequencies(inverse, masked):
    allowed = MASK if masked else torch.ones(VOCAB, dtype=torch.bool)
    expected = torch.tensor([by_hand(code, inverse, allowed) for code in EVERY.tolist()], dtype=torch.float64)
    mask = allowed.expand(len(EVERY), VOCAB) if masked else None
    found = log_probability(next_logits, EVERY, inverse_temperature=inverse, mask=mask).exp()
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-12)
    assert float(found.sum()) == pytest.approx(1.0, abs=1e-9)
    count = 20_000
    mask = allowed.expand(count, VOCAB) if masked else None
    index, log_p = sample_codes(
        next_logits, num_latents=LATENTS, uniform=torch.rand(count, LATENTS), inverse_temperature=inverse, mask=mask
    )
    share = torch.bincount((index * torch.tensor([VOCAB, 1])).sum(1), minlength=len(EVERY)).double() / count
    torch.testing.assert_close(share, expected, rtol=0, atol=0.014)
    assert not share[expected == 0].any()
    torch.testing.assert_close(log_p.exp(), expected[(index * torch.tensor([VOCAB, 1])).sum(1)], rtol=1e-6, atol=0)


@pytest.mark.parametrize(("u", "expected"), [(0.0, 0), (0.2499999, 0), (0.25, 1), (0.5, 2), (0.99999994, 3)])
def test_draw_inverts_the_cumulative_distribution(u, expected):
    uniform = torch.full((1, 1), u)
    assert uniform.item() < 1
    index, _ = sample_codes(lambda i, k: torch.zeros(1, 4), num_latents=1, uniform=uniform)
    assert index.item() == expected


@pytest.mark.parametrize("u", [0.0, 0.5, 0.99999994])
def test_forbidden_ends_are_not_drawn(u):
    mask = torch.tensor([[False, True, True, False]])
    index, _ = sample_codes(lambda i, k: torch.zeros(1, 4), num_latents=1, uniform=torch.full((1, 1), u), mask=mask)
    assert mask[0, index.item()]


@pytest.mark.parametrize("inverse", [GREEDY, 101.0, 1e9])
def test_from_100_on_the_most_probable_entry_is_taken(inverse):
    uniform = torch.rand(200, 1)
    logits = torch.tensor([[0.0, 1e-3, -1.0]]).expand(200, 3)
    index, log_p = sample_codes(lambda i, k: logits, num_latents=1, uniform=uniform, inverse_temperature=inverse)
    assert (index == 1).all() and torch.isfinite(log_p).all()
    again = log_probability(lambda i, k: logits, index, inverse_temperature=inverse)
    torch.testing.assert_close(again, log_p)
    mask = torch.tensor([True, False, True]).expand(200, 3)
    index, _ = sample_codes(lambda i, k: logits, num_latents=1, uniform=uniform, inverse_temperature=inverse, mask=mask)
    assert (index == 0).all()


def test_just_below_100_is_still_drawn():
    logits = torch.tensor([[0.0, 1e-3]]).expand(200, 2)
    index, _ = sample_codes(lambda i, k: logits, num_latents=1, uniform=torch.rand(200, 1), inverse_temperature=99.0)
    assert set(index.flatten().tolist()) == {0, 1}


@given(st.integers(0, 1000), st.permutations(range(6)))
def test_rows_do_not_depend_on_each_other(seed, order):
    generator = torch.Generator().manual_seed(seed)
    uniform, shift = torch.rand(6, LATENTS, generator=generator), torch.randn(6, VOCAB, generator=generator)

    def prior(rows):
        return lambda index, position: next_logits(index, position) + shift[rows]

    index, log_p = sample_codes(prior(range(6)), num_latents=LATENTS, uniform=uniform)
    mixed, log_q = sample_codes(prior(order), num_latents=LATENTS, uniform=uniform[order])
    assert torch.equal(mixed, index[order]) and torch.equal(log_q, log_p[order])


def test_forced_entries_are_taken_and_their_likelihood_counted():
    uniform = torch.rand(30, LATENTS)
    free, _ = sample_codes(next_logits, num_latents=LATENTS, uniform=uniform)
    forced = torch.tensor([[3, -1]]).expand(30, 2)
    index, log_p = sample_codes(next_logits, num_latents=LATENTS, uniform=uniform, forced=forced)
    assert (index[:, 0] == 3).all()
    torch.testing.assert_close(log_p, log_probability(next_logits, index))
    second, _ = sample_codes(lambda i, k: next_logits(i, 1), num_latents=1, uniform=uniform[:, :1])
    assert not torch.equal(index, free) and second.shape == (30, 1)
    # the later latent is drawn given the forced one
    given_three = torch.softmax(next_logits(torch.tensor([[3]]), 1)[0].double(), -1).cumsum(-1)
    expected = torch.searchsorted(given_three, uniform[:, 1].double(), right=True)
    assert torch.equal(index[:, 1], expected)
    every = torch.tensor([[1, 2]]).expand(30, 2)
    index, _ = sample_codes(next_logits, num_latents=LATENTS, uniform=uniform, forced=every)
    assert torch.equal(index, every)


def test_no_latents_is_the_empty_code():
    index, log_p = sample_codes(next_logits, num_latents=0, uniform=torch.rand(3, 0))
    assert index.shape == (3, 0) and log_p.tolist() == [0.0, 0.0, 0.0]


def test_row_without_allowed_entry_is_an_error():
    mask = torch.tensor([[True] * VOCAB, [False] * VOCAB])
    with pytest.raises(ValueError, match="allows no entry"):
        sample_codes(next_logits, num_latents=1, uniform=torch.rand(2, 1), mask=mask)
