"""The average follows its formula and is put in and taken out without a trace."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from disco_dock.runtime.ema import ExponentialMovingAverage


def changed(module, seed):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed)))
    return module


def test_average_is_the_recursion_with_warm_up():
    module = changed(nn.Linear(3, 2), 0)
    ema = ExponentialMovingAverage(module, 0.5)
    expected = module.weight.detach().double().clone()
    for n in range(1, 15):
        ema.update(changed(module, n))
        rate = min(0.5, (1 + n) / (10 + n))
        expected = rate * expected + (1 - rate) * module.weight.detach().double()
    torch.testing.assert_close(ema.shadow["weight"].double(), expected, rtol=1e-5, atol=1e-6)


def test_parameters_come_back_after_an_error_and_buffers_are_not_touched():
    module = nn.BatchNorm1d(2)
    ema = ExponentialMovingAverage(module, 0.9)
    changed(module, 1)
    module(torch.randn(8, 2))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(ZeroDivisionError), ema.swapped(module):
        assert torch.equal(module.weight, torch.ones(2))
        assert torch.equal(module.running_mean, before["running_mean"])
        raise ZeroDivisionError
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert set(ema.shadow) == {"weight", "bias"}


def test_resumed_average_goes_on_alike_and_shares_no_memory():
    module = changed(nn.Linear(2, 2), 0)
    ema = ExponentialMovingAverage(module, 0.99)
    for n in range(3):
        ema.update(changed(module, n))
    state = copy.deepcopy(ema.state_dict())
    other = ExponentialMovingAverage(changed(nn.Linear(2, 2), 9), 0.99)
    other.load_state_dict(state)
    changed(module, 5)
    ema.update(module)
    other.update(module)
    assert torch.equal(other.shadow["weight"], ema.shadow["weight"]) and other.updates == ema.updates == 4
    assert not torch.equal(state["shadow"]["weight"], other.shadow["weight"])


def test_average_stays_where_it_is():
    """A state is read on the CPU; the average keeps the device and type of the module."""
    ema = ExponentialMovingAverage(nn.Linear(2, 2, dtype=torch.float64), 0.9)
    ema.load_state_dict(ExponentialMovingAverage(nn.Linear(2, 2), 0.9).state_dict())
    assert ema.shadow["weight"].dtype == torch.float64
    with pytest.raises(KeyError):
        ema.load_state_dict({"updates": 1, "shadow": {}})


@pytest.mark.parametrize("decay", [-0.1, 1.0, 2.0])
def test_decay_out_of_range(decay):
    with pytest.raises(ValueError, match="decay"):
        ExponentialMovingAverage(nn.Linear(1, 1), decay)
