"""The aggregated convolution equals e3nn's tensor product applied edge by edge, forward and backward."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from disco_dock.models.layers.irreps import Channels, Features
from disco_dock.models.layers.tensor_product import (
    EdgeGroup,
    ProductMix,
    aggregate_dense,
    aggregate_slots,
    gather_nodes,
    harmonics,
)
from tests.support.reference_convolution import from_e3nn, reference_sum, to_e3nn

HIDDEN = 3


def random_features(count: int, channels: Channels) -> Features:
    flat = torch.randn(count, channels.width, dtype=torch.float64, requires_grad=True)
    return from_e3nn(flat, channels)


def channel_counts() -> st.SearchStrategy[Channels]:
    small = st.integers(0, 3)
    return st.builds(Channels, st.integers(1, 3), small, small, small)


def gradients(out: Features, inputs: list[Tensor]) -> list[Tensor]:
    """Gradients of a fixed random projection of the output."""
    flat = to_e3nn(out)
    draws = torch.Generator().manual_seed(5)
    direction = torch.randn(flat.shape, generator=draws, dtype=flat.dtype)
    found = torch.autograd.grad((flat * direction).sum(), inputs, allow_unused=True, retain_graph=True)
    return [torch.zeros_like(value) if grad is None else grad for value, grad in zip(inputs, found, strict=True)]


def check(ours: Features, reference: Features, inputs: list[Tensor]) -> None:
    torch.testing.assert_close(to_e3nn(ours), to_e3nn(reference))
    for mine, theirs in zip(gradients(ours, inputs), gradients(reference, inputs), strict=True):
        torch.testing.assert_close(mine, theirs)


@settings(max_examples=8)
@given(inputs=channel_counts(), outputs=channel_counts(), seed=st.integers(0, 1000))
@example(inputs=Channels(24, 6, 6, 24), outputs=Channels(24, 6, 6, 24), seed=0)
def test_dense_sources(inputs: Channels, outputs: Channels, seed: int) -> None:
    torch.manual_seed(seed)
    sources, targets = 5, 4
    mix = ProductMix(inputs, outputs, HIDDEN).double()
    features = random_features(sources, inputs)
    mask = torch.rand(sources, targets, 1, dtype=torch.float64).round()
    raw = torch.rand(sources, targets, HIDDEN, dtype=torch.float64, requires_grad=True)
    hidden = torch.cat([raw, torch.ones_like(raw[..., :1])], -1) * mask
    vector = torch.randn(sources, targets, 3, dtype=torch.float64)
    flat = features.map(lambda part: part[None]).flat()
    ours = mix(aggregate_dense(hidden[None], harmonics(vector)[None], flat)).map(lambda part: part[0])
    source, target = mask[..., 0].nonzero().T
    weights = list(mix.weights)
    reference = reference_sum(
        weights, hidden[source, target], vector[source, target], features, outputs, source, target, targets
    )
    check(ours, reference, [raw, *weights, *(part for part in features if part.numel())])


@settings(max_examples=8)
@given(inputs=channel_counts(), outputs=channel_counts(), seed=st.integers(0, 1000))
def test_gathered_sources(inputs: Channels, outputs: Channels, seed: int) -> None:
    torch.manual_seed(seed)
    nodes, slots = 6, 3
    mix = ProductMix(inputs, outputs, HIDDEN).double()
    features = random_features(nodes, inputs)
    index = torch.randint(nodes, (nodes, slots))
    mask = torch.rand(nodes, slots, 1, dtype=torch.float64).round()
    raw = torch.rand(nodes, slots, HIDDEN, dtype=torch.float64, requires_grad=True)
    hidden = torch.cat([raw, torch.ones_like(raw[..., :1])], -1) * mask
    vector = torch.randn(nodes, slots, 3, dtype=torch.float64)
    gathered = gather_nodes(features.flat()[None], index[None])
    ours = mix(aggregate_slots(hidden[None], harmonics(vector)[None], gathered)).map(lambda part: part[0])
    target, slot = mask[..., 0].nonzero().T
    weights = list(mix.weights)
    reference = reference_sum(
        weights, hidden[target, slot], vector[target, slot], features, outputs, index[target, slot], target, nodes
    )
    check(ours, reference, [raw, *weights, *(part for part in features if part.numel())])


def test_harmonics_are_those_of_e3nn() -> None:
    vector = torch.randn(50, 3, dtype=torch.float64)
    expected = o3.spherical_harmonics(o3.Irreps("0e+1o"), vector, normalize=True, normalization="component")
    torch.testing.assert_close(harmonics(vector), expected)
    assert harmonics(torch.zeros(1, 3)).tolist() == [[1.0, 0.0, 0.0, 0.0]]


def test_edge_network_splits_into_edge_target_and_source_parts() -> None:
    group = EdgeGroup(Channels(4), Channels(4), edge_dim=5, scalars=4, hidden=7, dropout=0.0)
    edge, target, source = torch.randn(3, 5), torch.randn(3, 4), torch.randn(3, 4)
    mask = torch.tensor([[1.0], [1.0], [0.0]])
    ours = group.hidden_activations(edge, *group.node_parts(target, source), mask)
    whole = torch.relu(torch.nn.functional.linear(torch.cat([edge, target, source], -1), group.weight, group.bias))
    torch.testing.assert_close(ours[:2, :-1], whole[:2])
    assert ours[:2, -1].tolist() == [1.0, 1.0]
    assert not ours[2].any()


@pytest.mark.parametrize("channels", [Channels(3), Channels(2, 1), Channels(2, 3, 1, 4)])
def test_flat_layout_round_trip(channels: Channels) -> None:
    flat = torch.randn(5, channels.width)
    features = Features.from_flat(flat, channels)
    assert features.channels == channels
    torch.testing.assert_close(features.flat(), flat)
    torch.testing.assert_close(from_e3nn(to_e3nn(features), channels).flat(), flat)


def test_residual_keeps_the_first_channels_of_each_irrep() -> None:
    narrow, wide = Channels(2, 1), Channels(3, 2, 1, 1)
    before = Features.from_flat(torch.randn(4, narrow.width), narrow)
    after = Features.from_flat(torch.randn(4, wide.width), wide)
    total = before.add_to_wider(after)
    torch.testing.assert_close(total.even_scalars[:, :2], before.even_scalars + after.even_scalars[:, :2])
    torch.testing.assert_close(total.odd_vectors[..., :1], before.odd_vectors + after.odd_vectors[..., :1])
    torch.testing.assert_close(total.odd_scalars, after.odd_scalars)
    assert wide.irreps() == "3x0e+2x1o+1x1e+1x0o"
