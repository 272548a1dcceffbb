"""Sums of messages in pieces: their values and their gradients."""

from __future__ import annotations

import pytest
import torch

from disco_dock.models.pose_expert import messages
from disco_dock.models.pose_expert.pairs import Pairs

TARGETS, SOURCES, COUNT, SCALARS, VECTORS, FEATURES = 5, 7, 40, 6, 3, 4


def parts():
    draws = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=draws, dtype=torch.float64)

    pairs = Pairs(
        target=torch.randint(TARGETS, (COUNT,), generator=draws).sort()[0],
        source=torch.randint(SOURCES, (COUNT,), generator=draws),
        features=normal(COUNT, FEATURES),
        unit=normal(COUNT, 3),
        side=normal(COUNT, 3),
        envelope=torch.rand(COUNT, 1, generator=draws, dtype=torch.float64),
    )
    inputs = [
        normal(TARGETS, SCALARS), normal(SOURCES, SCALARS), normal(SCALARS, FEATURES), normal(2 * VECTORS, SCALARS)
    ]  # fmt: skip
    return inputs, pairs


@pytest.mark.parametrize("chunk", [7, 1000])
def test_sums_and_gradients(chunk, monkeypatch):
    monkeypatch.setattr(messages, "CHUNK", chunk)
    inputs, pairs = parts()
    own, other, weight, gates = inputs
    value = torch.nn.functional.silu(own[pairs.target] + other[pairs.source] + pairs.features @ weight.T)
    value = value * pairs.envelope
    along, aside = (value @ gates.T).split(VECTORS, 1)
    arrows = along[:, None] * pairs.unit[..., None] + aside[:, None] * pairs.side[..., None]
    scalars, vectors = messages._Sums.apply(*inputs, *pairs)
    expected = torch.zeros(TARGETS, SCALARS, dtype=torch.float64).index_add(0, pairs.target, value)
    torch.testing.assert_close(scalars, expected)
    expected = torch.zeros(TARGETS, 3, VECTORS, dtype=torch.float64).index_add(0, pairs.target, arrows)
    torch.testing.assert_close(vectors.unflatten(1, (3, VECTORS)), expected)
    assert torch.autograd.gradcheck(
        lambda *some: messages._Sums.apply(*some, *pairs), [part.requires_grad_() for part in inputs]
    )


def test_no_pairs():
    layer = messages.Messages(SCALARS, VECTORS, FEATURES)
    pairs = Pairs(
        *(torch.zeros(0, dtype=torch.long) for _ in range(2)), torch.zeros(0, FEATURES), *[torch.zeros(0, 3)] * 2,
        torch.zeros(0, 1),
    )  # fmt: skip
    scalars, vectors = layer(torch.randn(3, SCALARS), torch.randn(0, SCALARS), pairs)
    assert torch.all(scalars == 0) and vectors.shape == (3, 3, VECTORS)
    (scalars.sum() + vectors.sum()).backward()
