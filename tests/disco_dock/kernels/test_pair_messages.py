"""Sums of pair messages in C against the same in torch."""

from __future__ import annotations

import pytest
import torch

from disco_dock.kernels.compiled import available
from disco_dock.models.pose_expert import messages
from disco_dock.models.pose_expert.pairs import Pairs

pytestmark = pytest.mark.skipif(not available(), reason="no compiled kernels here")


def parts(pairs=150, scalars=32, vectors=16, features=13, seed=0):
    draws = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=draws)

    geometry = Pairs(
        target=torch.randint(9, (pairs,), generator=draws).sort()[0],
        source=torch.randint(20, (pairs,), generator=draws),
        features=normal(pairs, features),
        unit=normal(pairs, 3),
        side=normal(pairs, 3),
        envelope=torch.rand(pairs, 1, generator=draws),
    )
    weights = [normal(9, scalars), normal(20, scalars), normal(scalars, features), normal(2 * vectors, scalars)]
    return weights, geometry


def sums(weights, geometry):
    """Values and gradients."""
    leaves = [value.clone().requires_grad_() for value in weights]
    scalars, arrows = messages._Sums.apply(*leaves, *geometry)
    draws = torch.Generator().manual_seed(1)
    loss = sum((part * torch.randn(part.shape, generator=draws)).sum() for part in (scalars, arrows))
    loss.backward()
    return [scalars.detach(), arrows.detach(), *(leaf.grad for leaf in leaves)]


@pytest.mark.parametrize(("pairs", "scale"), [(0, 1.0), (1, 1.0), (64, 1.0), (150, 1.0), (150, 40.0)])
def test_same_sums_and_gradients_as_torch(pairs, scale, monkeypatch):
    weights, geometry = parts(pairs)
    weights[0] = weights[0] * scale  # so that activations saturate
    assert messages.takes(weights[0], weights[3])
    ours = sums(weights, geometry)
    monkeypatch.setattr(messages, "takes", lambda *_: False)
    for found, expected in zip(ours, sums(weights, geometry), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * max(float(expected.abs().max()), 1e-6))


def test_a_target_does_not_depend_on_the_others():
    weights, geometry = parts()
    with torch.no_grad():
        scalars, arrows = messages._Sums.apply(*weights, *geometry)
        own = geometry.target >= 4
        alone, turned = messages._Sums.apply(*weights, *(value[own] for value in geometry))
    assert torch.equal(alone[4:], scalars[4:]) and torch.equal(turned[4:], arrows[4:])


def test_other_widths_and_types_go_through_torch():
    weights, _ = parts(scalars=30)
    assert not messages.takes(weights[0], weights[3])
    weights, _ = parts(vectors=3)
    assert not messages.takes(weights[0], weights[3])
    weights, _ = parts()
    assert not messages.takes(weights[0].double(), weights[3])
