"""The straight-through estimator at its edges: noise, masks, ties, temperatures."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.latents.gumbel import gumbel_noise, straight_through_one_hot

seeds = st.integers(0, 10_000)


def draws(seed):
    return torch.Generator().manual_seed(seed)


@given(st.floats(1e-12, 1 - 1e-12))
def test_noise_is_the_quantile_of_the_gumbel_distribution(u):
    noise = float(gumbel_noise(torch.tensor(u, dtype=torch.float64)))
    assert math.exp(-math.exp(-noise)) == pytest.approx(u, rel=1e-9)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_noise_is_finite_at_the_ends(kind):
    ends = torch.tensor([0.0, torch.finfo(kind).tiny, 1 - torch.finfo(kind).eps], dtype=kind)
    assert torch.isfinite(gumbel_noise(ends)).all()


@given(seeds, st.floats(0.01, 10.0), st.integers(1, 7))
def test_value_is_exactly_one_hot_among_the_allowed(seed, temperature, vocab):
    generator = draws(seed)
    logits = 20 * torch.randn(4, 3, vocab, generator=generator)
    mask = torch.rand(4, 3, vocab, generator=generator) < 0.5
    mask[..., 0] |= ~mask.any(-1)
    drawn = straight_through_one_hot(
        logits, temperature=temperature, uniform=torch.rand(4, 3, vocab, generator=generator), mask=mask
    )
    assert set(drawn.flatten().tolist()) <= {0.0, 1.0}
    assert torch.equal(drawn.sum(-1), torch.ones(4, 3)) and not drawn[~mask].any()


@given(seeds, st.floats(0.05, 5.0))
def test_gradient_with_a_mask_is_that_of_the_allowed_entries_alone(seed, temperature):
    generator = draws(seed)
    logits = torch.randn(2, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    uniform = torch.rand(2, 6, generator=generator, dtype=torch.float64)
    weight = torch.randn(2, 6, generator=generator, dtype=torch.float64)
    mask = torch.tensor([True, True, False, True, False, True]).expand(2, 6)
    drawn = straight_through_one_hot(logits, temperature=temperature, uniform=uniform, mask=mask)
    (found,) = torch.autograd.grad((drawn * weight).sum(), logits)
    few = logits.detach()[:, mask[0]].requires_grad_()
    relaxed = torch.softmax((few + gumbel_noise(uniform[:, mask[0]])) / temperature, -1)
    (expected,) = torch.autograd.grad((relaxed * weight[:, mask[0]]).sum(), few)
    torch.testing.assert_close(found[:, mask[0]], expected)
    assert not found[:, ~mask[0]].any()


@given(seeds, st.floats(0.01, 50.0))
def test_temperature_does_not_change_what_is_drawn(seed, temperature):
    logits, uniform = torch.randn(8, 5, generator=draws(seed)), torch.rand(8, 5, generator=draws(seed + 1))
    first = straight_through_one_hot(logits, temperature=1.0, uniform=uniform)
    assert torch.equal(first, straight_through_one_hot(logits, temperature=temperature, uniform=uniform))


def test_first_of_equal_maxima_is_taken():
    drawn = straight_through_one_hot(torch.zeros(2, 5), temperature=1.0, uniform=torch.full((2, 5), 0.5))
    assert drawn.argmax(-1).tolist() == [0, 0]


def test_gradients_are_finite_at_extreme_logits():
    logits = torch.tensor([[1e6, -1e6, 0.0], [3e4, 3e4, -3e4]], requires_grad=True)
    mask = torch.tensor([[True, True, False], [True, False, True]])
    for temperature in (1e-3, 1.0, 1e3):
        drawn = straight_through_one_hot(logits, temperature=temperature, uniform=torch.rand(2, 3), mask=mask)
        assert torch.isfinite(torch.autograd.grad((drawn * torch.randn(2, 3)).sum(), logits)[0]).all()


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_temperature_must_be_positive(temperature):
    with pytest.raises(ValueError, match="temperature must be > 0"):
        straight_through_one_hot(torch.zeros(2), temperature=temperature, uniform=torch.rand(2))


def test_one_forbidden_row_among_many_is_an_error():
    mask = torch.ones(3, 2, dtype=torch.bool)
    mask[1] = False
    with pytest.raises(ValueError, match="allows no entry"):
        straight_through_one_hot(torch.zeros(3, 2), temperature=1.0, uniform=torch.rand(3, 2), mask=mask)
