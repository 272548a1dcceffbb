"""Even use of codes."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.latents.balance import unevenness


@given(st.integers(2, 9), st.integers(0, 100))
def test_between_zero_for_even_and_ln_k_for_one_code(vocab, seed):
    even, one = torch.full((vocab,), 1 / vocab), torch.eye(vocab)[0]
    some = torch.rand(vocab, generator=torch.Generator().manual_seed(seed)).softmax(-1)
    assert float(unevenness(even)) == pytest.approx(0, abs=1e-6)
    assert float(unevenness(one)) == pytest.approx(math.log(vocab), rel=1e-6)
    assert -1e-6 <= float(unevenness(some)) <= math.log(vocab)


def test_descent_evens_the_use_out():
    logits = torch.tensor([3.0, 0.0, -1.0, 0.5], requires_grad=True)
    for _ in range(400):
        (slope,) = torch.autograd.grad(unevenness(logits.softmax(-1)), logits)
        logits = (logits - slope).detach().requires_grad_()
    assert float(unevenness(logits.softmax(-1).detach())) < 1e-3
