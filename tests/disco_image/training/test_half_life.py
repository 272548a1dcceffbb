"""EDM's average: the half-life in images, and its ramp."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from disco_image.training.half_life import HalfLifeAverage


def test_past_counts_half_after_the_half_life():
    module = nn.Linear(1, 1, bias=False)
    nn.init.ones_(module.weight)
    average = HalfLifeAverage(module, images=640, batch_size=64, ramp_up=0.0)
    nn.init.zeros_(module.weight)
    for _ in range(10):
        average.update(module)
    assert float(average.shadow["weight"]) == pytest.approx(0.5, rel=1e-5)


def test_ramp_follows_edms_formula_and_state_comes_back():
    module = nn.Linear(2, 1)
    average = HalfLifeAverage(module, images=5000, batch_size=50, ramp_up=0.05)
    values, expected = [], None
    for step in range(400):
        with torch.no_grad():
            module.weight.fill_(float(step))
        average.update(module)
        seen = step * 50
        half = min(5000, seen * 0.05)
        beta = 0.5 ** (50 / max(half, 1e-8))
        expected = float(step) if expected is None else beta * expected + (1 - beta) * step
        values.append(expected)
    assert float(average.shadow["weight"][0, 0]) == pytest.approx(values[-1], rel=1e-4)
    again = HalfLifeAverage(nn.Linear(2, 1), images=5000, batch_size=50, ramp_up=0.05)
    again.load_state_dict(average.state_dict())
    assert again.updates == 400 and torch.equal(again.shadow["weight"], average.shadow["weight"])
    own = module.weight.detach().clone()
    with average.swapped(module):
        assert torch.equal(module.weight, average.shadow["weight"]) and not torch.equal(module.weight, own)
    assert torch.equal(module.weight, own)
