"""Use of a latent space, measured on codes with known answers."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.latents.metrics import accuracy, code_usage, entropy, perplexity


@given(st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=2), min_size=1, max_size=20))
def test_usage_counts_each_latent_apart(codes):
    usage = code_usage(torch.tensor(codes), 5)
    for latent in range(2):
        assert usage[latent].tolist() == [sum(code[latent] == k for code in codes) for k in range(5)]


@given(st.integers(1, 9), st.integers(1, 5))
def test_perplexity_of_equally_used_codes_is_their_number(used, unused):
    counts = torch.tensor([7] * used + [0] * unused)
    assert float(perplexity(counts)) == pytest.approx(used)


def test_perplexity_of_nothing_is_finite():
    assert float(perplexity(torch.zeros(4, dtype=torch.long))) == pytest.approx(1.0)
    assert perplexity(torch.tensor([[1, 1], [0, 3]])).tolist() == pytest.approx([2.0, 1.0])


@given(st.integers(0, 1000))
def test_entropy_of_masked_logits_is_that_of_the_rest(seed):
    logits = 5 * torch.randn(3, 6, generator=torch.Generator().manual_seed(seed))
    mask = torch.tensor([True, False, True, True, False, True])
    p = torch.softmax(logits[:, mask].double(), -1)
    torch.testing.assert_close(entropy(logits, mask.expand(3, 6)), -(p * p.log()).sum(-1), rtol=1e-9, atol=1e-12)
    assert float(entropy(torch.tensor([1e4, -1e4]))) == 0.0
    assert float(entropy(torch.zeros(5), torch.arange(5) == 2)) == 0.0 < math.log(5)


def test_accuracy():
    assert float(accuracy(torch.tensor([[0.0, 1.0], [2.0, 1.0]]), torch.tensor([1, 1]))) == 0.5
