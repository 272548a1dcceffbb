"""Embeddings against the published schedules and against plain layers on concatenated inputs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from disco_dock.models.layers.embeddings import (
    CategoryEmbedding,
    EdgeEmbedding,
    GaussianExpansion,
    NodeEmbedding,
    PartsLinear,
    time_embedding,
)
from tests.support.golden import load_golden


@pytest.mark.parametrize("scale", [1000, 10000])
def test_published_time_embedding(scale: int) -> None:
    data = load_golden("schedules.npz")
    ours = time_embedding(torch.from_numpy(data["t_embed_t"]).float(), 32, scale)
    torch.testing.assert_close(ours, torch.from_numpy(data[f"t_embed_scale{scale}"]).float(), atol=2e-3, rtol=0)


@pytest.mark.parametrize("stop", [5, 30, 80])
def test_published_distance_expansion(stop: int) -> None:
    data = load_golden("schedules.npz")
    ours = GaussianExpansion(stop)(torch.from_numpy(data["gauss_dist"]).float())
    torch.testing.assert_close(ours, torch.from_numpy(data[f"gauss_expand_0_{stop}_32"]).float(), atol=1e-5, rtol=0)


def test_time_embedding_of_zero_and_shape() -> None:
    value = time_embedding(torch.zeros(2, 3), 8, 1000.0)
    assert value.shape == (2, 3, 8)
    assert not value[..., :4].any() and bool((value[..., 4:] == 1).all())


def test_distances_far_beyond_the_last_centre_vanish() -> None:
    expansion = GaussianExpansion(5.0, 8)
    assert float(expansion(torch.tensor(50.0)).max()) == 0.0
    assert int(expansion(torch.tensor(5.0)).argmax()) == 7


def test_parts_equal_one_layer_on_the_concatenation() -> None:
    layer = PartsLinear({"a": 3, "none": 0, "b": 2}, 4)
    a, b = torch.randn(5, 1, 3), torch.randn(1, 6, 2)
    whole = torch.cat([a.expand(5, 6, 3), b.expand(5, 6, 2)], -1)
    expected = nn.functional.linear(whole, layer.weight, layer.bias)
    torch.testing.assert_close(layer({"b": b, "a": a, "ignored": a}), expected)
    torch.testing.assert_close(layer({}), layer.bias)
    with pytest.raises(KeyError, match="no part 'c'"):
        layer.part("c")


def test_edge_embedding_is_a_perceptron() -> None:
    embedding = EdgeEmbedding({"a": 3}, 4, 0.0)
    value = torch.randn(7, 3)
    expected = embedding.second(torch.relu(embedding.first({"a": value})))
    torch.testing.assert_close(embedding({"a": value}), expected)


def test_categories_sum_one_embedding_per_column() -> None:
    sizes = (4, 3)
    embedding = CategoryEmbedding(sizes, 5)
    columns = torch.tensor([[[0, 2], [3, 0]]])
    tables = embedding.weight.split(sizes)
    expected = tables[0][columns[..., 0]] + tables[1][columns[..., 1]]
    torch.testing.assert_close(embedding(columns), expected)


def test_node_embedding_with_and_without_extras() -> None:
    columns = torch.tensor([[1], [2]])
    plain = NodeEmbedding((3,), {"time": 0}, 4)
    torch.testing.assert_close(plain(columns, {}), plain.categories(columns))
    mixed = NodeEmbedding((3,), {"time": 2}, 4)
    time = torch.randn(1, 2)
    assert mixed.mix is not None
    expected = mixed.mix({"categories": mixed.categories(columns), "time": time})
    torch.testing.assert_close(mixed(columns, {"time": time}), expected)
    assert not torch.allclose(mixed(columns, {"time": time}), mixed(columns, {"time": time + 1}))
