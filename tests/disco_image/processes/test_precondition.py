"""Identities of the preconditioning."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from disco_image.processes.levels import edm_weight
from disco_image.processes.precondition import coefficients, ode_drift

levels = st.floats(min_value=1e-3, max_value=100)
scales = st.floats(min_value=0.1, max_value=3)


@given(levels, scales)
def test_input_and_target_have_unit_variance(sigma, data):
    c = coefficients(torch.tensor([sigma], dtype=torch.float64), data)
    variance = data**2 + sigma**2
    assert torch.allclose(c.c_in**2 * variance, torch.ones(1, dtype=torch.float64))
    # the target (y - skip (y + n)) / out
    target = ((1 - c.skip) ** 2 * data**2 + c.skip**2 * sigma**2) / c.out**2
    assert torch.allclose(target, torch.ones(1, dtype=torch.float64))


@given(levels, scales)
def test_weight_cancels_the_output_scale(sigma, data):
    level = torch.tensor([sigma], dtype=torch.float64)
    assert torch.allclose(edm_weight(level, data) * coefficients(level, data).out ** 2, torch.ones_like(level))


def test_skip_makes_the_identity_at_no_noise_and_the_network_at_much():
    low, high = coefficients(torch.tensor([1e-6]), 0.5), coefficients(torch.tensor([1e6]), 0.5)
    assert torch.allclose(low.skip, torch.ones(1)) and float(low.out) < 1e-5
    assert float(high.skip) < 1e-9 and torch.allclose(high.out, torch.tensor([0.5]))


def test_drift_is_minus_sigma_times_the_score_of_a_gaussian():
    x, sigma, std = torch.randn(5, 2, dtype=torch.float64), 1.7, 0.6
    denoised = x * std**2 / (std**2 + sigma**2)
    score = -x / (std**2 + sigma**2)
    assert torch.allclose(ode_drift(x, denoised, torch.tensor(sigma)), -sigma * score)
