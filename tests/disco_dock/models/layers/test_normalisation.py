"""Batch normalisation against e3nn's on the real nodes alone; layer normalisation per node."""

from __future__ import annotations

import pytest
import torch
from e3nn import nn as e3nn_nn
from e3nn import o3

from disco_dock.models.layers.irreps import Channels, Features
from disco_dock.models.layers.normalisation import EquivariantBatchNorm, EquivariantLayerNorm, make_norm
from tests.support.graphs import random_rotation
from tests.support.reference_convolution import from_e3nn, to_e3nn

CHANNELS = Channels(4, 3, 2, 5)


def oracle() -> e3nn_nn.BatchNorm:
    return e3nn_nn.BatchNorm(o3.Irreps(CHANNELS.irreps())).double()


def batch(rows: int = 3, nodes: int = 6) -> tuple[Features, torch.Tensor]:
    flat = 3 * torch.randn(rows, nodes, CHANNELS.width, dtype=torch.float64) + 1
    mask = torch.arange(nodes)[None] < torch.tensor([6, 2, 4])[:, None]
    features = from_e3nn(flat, CHANNELS)
    return features.scale(mask.double()), mask


def test_training_statistics_and_gradients_are_those_of_e3nn() -> None:
    ours, reference = EquivariantBatchNorm(CHANNELS).double(), oracle()
    with torch.no_grad():
        for name in ("weight", "bias"):
            value = torch.randn_like(getattr(ours, name))
            getattr(ours, name).copy_(value)
            getattr(reference, name).copy_(value)
    for _ in range(2):  # running statistics move twice
        features, mask = batch()
        leaf = to_e3nn(features).requires_grad_()
        out = to_e3nn(ours(from_e3nn(leaf, CHANNELS), mask))[mask]
        expected = reference(leaf[mask])
        torch.testing.assert_close(out, expected)
        direction = torch.randn_like(out)
        grads = [
            torch.autograd.grad((value * direction).sum(), leaf, retain_graph=True)[0] for value in (out, expected)
        ]
        torch.testing.assert_close(grads[0], grads[1])
    torch.testing.assert_close(ours.running_mean, reference.running_mean)
    torch.testing.assert_close(ours.running_var, reference.running_var)
    features, mask = batch()
    torch.testing.assert_close(to_e3nn(ours.eval()(features, mask))[mask], reference.eval()(to_e3nn(features)[mask]))


def test_padded_nodes_do_not_enter_statistics() -> None:
    norm = EquivariantBatchNorm(CHANNELS).double()
    features, mask = batch()
    clean = to_e3nn(norm(features, mask))[mask]
    dirty = features.map(lambda part: part.masked_fill(~mask.reshape(*mask.shape, *[1] * (part.ndim - 2)), 99.0))
    torch.testing.assert_close(to_e3nn(norm(dirty, mask))[mask], clean)


@pytest.mark.parametrize("kind", ["batch", "layer"])
def test_equivariance_in_training(kind: str) -> None:
    norm = make_norm(kind, CHANNELS).double()
    features, mask = batch()
    rotation = random_rotation(torch.Generator().manual_seed(1)).double()

    def turn(x: Features) -> Features:
        return x._replace(odd_vectors=rotation @ x.odd_vectors, even_vectors=-rotation @ x.even_vectors)

    for ours, expected in zip(norm(turn(features), mask), turn(norm(features, mask)), strict=True):
        torch.testing.assert_close(ours, expected)


def test_layer_norm_looks_at_one_node_only() -> None:
    norm = EquivariantLayerNorm(CHANNELS).double()
    features, mask = batch()
    whole = norm(features, mask)
    single = norm(features.map(lambda part: part[1:2, 1:2]), mask[1:2, 1:2])
    for ours, expected in zip(single, whole, strict=True):
        torch.testing.assert_close(ours[0, 0], expected[1, 1])
    scalars = whole.even_scalars[mask]
    torch.testing.assert_close(scalars.mean(-1), torch.zeros_like(scalars[:, 0]), atol=1e-9, rtol=0)
    norms = whole.odd_vectors[mask].square().mean((-2, -1))
    torch.testing.assert_close(norms, torch.ones_like(norms), atol=1e-4, rtol=0)
    empty = EquivariantLayerNorm(Channels(4))(Features.from_scalars(torch.randn(2, 4), Channels(4)), mask)
    assert empty.odd_vectors.shape == (2, 3, 0)


def test_unknown_norm() -> None:
    with pytest.raises(ValueError, match="group"):
        make_norm("group", CHANNELS)
