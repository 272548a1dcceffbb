"""The most probable codes and marginals of a prior, against every code multiplied out."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.latents.autoregressive import log_probability
from disco_dock.latents.modes import marginals, most_probable_codes

VOCAB = 5


def prior(seed: int, sharpness: float):
    """A prior whose every prefix has logits of its own, and the prefixes it was asked for."""
    asked = []

    def next_logits(index, position):
        asked.extend(tuple(row) for row in index.tolist())
        rows = []
        for row in index.tolist():
            draws = torch.Generator().manual_seed(seed + sum((entry + 1) * 7**place for place, entry in enumerate(row)))
            rows.append(sharpness * torch.randn(VOCAB, generator=draws))
        return torch.stack(rows)

    return next_logits, asked


@given(st.integers(0, 1000), st.integers(1, 3), st.integers(1, 12), st.sampled_from([0.3, 1.0, 4.0]))
def test_the_best_codes_are_those_of_the_whole_list(seed, latents, count, sharpness):
    next_logits, _ = prior(seed, sharpness)
    mask = torch.tensor([True, True, False, True, True])
    every = torch.tensor([code for code in itertools.product(range(VOCAB), repeat=latents) if 2 not in code])
    expected = log_probability(next_logits, every, inverse_temperature=0.7, mask=mask.expand(len(every), -1))
    found, log_prob = most_probable_codes(
        next_logits, num_latents=latents, count=count, inverse_temperature=0.7, mask=mask
    )
    best = expected.sort(descending=True).values[:count]
    torch.testing.assert_close(log_prob, best)
    own = log_probability(next_logits, found, inverse_temperature=0.7, mask=mask.expand(len(found), -1))
    torch.testing.assert_close(log_prob, own)
    assert len({tuple(code) for code in found.tolist()}) == len(found) == min(count, len(every))


def test_a_sharp_prior_is_asked_a_few_times_only():
    next_logits, asked = prior(3, 20.0)
    most_probable_codes(next_logits, num_latents=3, count=1)
    assert len(asked) <= 4 < VOCAB**2


def test_forced_latents_stay():
    next_logits, _ = prior(0, 1.0)
    found, log_prob = most_probable_codes(next_logits, num_latents=2, count=3, forced=(4, -1))
    assert found[:, 0].tolist() == [4, 4, 4] and len(found) == 3
    torch.testing.assert_close(log_prob, log_probability(next_logits, found))
    last, _ = most_probable_codes(next_logits, num_latents=2, count=2, forced=(-1, 2))
    assert last[:, 1].tolist() == [2, 2]


def test_wrong_count():
    with pytest.raises(ValueError, match="count"):
        most_probable_codes(prior(0, 1.0)[0], num_latents=1, count=0)


@given(st.integers(0, 1000), st.integers(1, 3))
def test_marginals_are_sums_over_all_codes(seed, latents):
    next_logits, _ = prior(seed, 1.0)
    mask = torch.tensor([True, False, True, True, True])
    every = torch.tensor(list(itertools.product((0, 2, 3, 4), repeat=latents)))
    p = log_probability(next_logits, every, mask=mask.expand(len(every), -1)).exp()
    expected = torch.zeros(latents, VOCAB, dtype=torch.float64)
    for place in range(latents):
        expected[place].index_add_(0, every[:, place], p)
    torch.testing.assert_close(marginals(next_logits, num_latents=latents, mask=mask), expected)


def test_cut_marginals_still_sum_to_one():
    cut = marginals(prior(1, 1.0)[0], num_latents=3, max_prefixes=2)
    torch.testing.assert_close(cut.sum(1), torch.ones(3, dtype=torch.float64))
