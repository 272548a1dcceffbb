"""How much codes could tell and how much they do."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.latents.balance import missing_information, unevenness


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


def test_information_by_hand():
    mean = lambda values: values.mean(0)  # noqa: E731
    sure_and_even, never_sure, one_code = 50 * torch.eye(4), torch.zeros(4, 4), 50 * torch.eye(4)[:1].expand(4, 4)
    assert float(missing_information(sure_and_even, mean)) == pytest.approx(0, abs=1e-5)
    for logits in (never_sure, one_code):
        assert float(missing_information(logits, mean)) == pytest.approx(math.log(4), rel=1e-5)
    assert float(unevenness(never_sure.softmax(-1).mean(0))) == pytest.approx(0, abs=1e-6), (
        "uniform is even, not telling"
    )
