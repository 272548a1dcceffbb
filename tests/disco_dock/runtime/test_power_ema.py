"""Power-function averages against their definition, and other lengths made from stored ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from disco_dock.runtime.power_ema import PowerAverages, combination, power_of_width


def history(steps, seed=0):
    """A random walk of one parameter."""
    return torch.randn(steps, 4, generator=torch.Generator().manual_seed(seed)).cumsum(0)


def averaged(values, widths, at):
    module = nn.Linear(1, 4, bias=False)
    averages, kept = PowerAverages(module, widths), {}
    for step, value in enumerate(values, 1):
        with torch.no_grad():
            module.weight.copy_(value[:, None])
        averages.update(module)
        if step in at:
            kept[step] = [shadow["weight"].flatten().clone() for shadow in averages.shadows]
    return kept


@pytest.mark.parametrize("width", [0.03, 0.1, 0.25])
def test_width_is_that_of_the_profile(width):
    power = power_of_width(width)
    t = np.linspace(0, 1, 400_001)
    profile = (power + 1) * t**power
    mean = np.trapezoid(profile * t, t)
    assert np.sqrt(np.trapezoid(profile * (t - mean) ** 2, t)) == pytest.approx(width, rel=1e-3)
    with pytest.raises(ValueError, match="0.2887"):
        power_of_width(0.3)


def test_average_weighs_updates_by_their_power():
    values, width = history(400), 0.1
    found = averaged(values, [width], {400})[400][0]
    power = power_of_width(width)
    n = torch.arange(1, 401, dtype=torch.float64)
    weights = n ** (power + 1) - (n - 1) ** (power + 1)  # the telescoped product of the update's rates
    expected = (weights[:, None] * values.double()).sum(0) / weights.sum()
    assert torch.allclose(found.double(), expected, atol=1e-4)


def test_another_width_is_made_from_stored_averages():
    values, widths, wanted = history(800), (0.05, 0.1), 0.07
    ends = list(range(100, 801, 100))
    kept = averaged(values, widths, ends)
    powers = [power_of_width(width) for _ in ends for width in widths]
    weights = combination(powers, [end for end in ends for _ in widths], power_of_width(wanted), 800)
    stored = torch.stack([kept[end][i] for end in ends for i in range(2)])
    made = (torch.from_numpy(weights)[:, None] * stored.double()).sum(0)
    target = averaged(values, [wanted], {800})[800][0].double()
    spread = float((kept[800][0] - kept[800][1]).double().norm())
    assert float((made - target).norm()) < 0.1 * spread and weights.sum() == pytest.approx(1, abs=0.01)


def test_few_snapshots_keep_the_size_of_the_weights():
    """Average of a parameter that never moves is that parameter, however few averages were stored."""
    for ends in ([800], [100, 800]):
        powers = [power_of_width(width) for _ in ends for width in (0.05, 0.1)]
        for wanted in (0.02, 0.2):
            weights = combination(powers, [end for end in ends for _ in range(2)], power_of_width(wanted), 800)
            assert weights.sum() == pytest.approx(1, abs=1e-9)


def test_state_comes_back_and_swapping_is_undone():
    module = nn.Linear(2, 2)
    averages = PowerAverages(module, (0.1,))
    for _ in range(3):
        with torch.no_grad():
            module.weight.add_(1)
        averages.update(module)
    again = PowerAverages(nn.Linear(2, 2), (0.1,))
    again.load_state_dict(averages.state_dict())
    assert torch.equal(again.shadows[0]["weight"], averages.shadows[0]["weight"]) and again.updates == 3
    own = module.weight.detach().clone()
    with averages.swapped(module):
        assert torch.equal(module.weight, averages.shadows[0]["weight"]) and not torch.equal(module.weight, own)
    assert torch.equal(module.weight, own)
