"""Edge embeddings by the kernel are those by torch, forward and backward."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from disco_dock.kernels.compiled import available
from disco_dock.models.layers.edges import EdgeTerms
from disco_dock.models.layers.embeddings import EdgeEmbedding, GaussianExpansion
from disco_dock.models.layers.listed_edges import EdgeGeometry

pytestmark = pytest.mark.skipif(not available(), reason="no C compiler")


@pytest.mark.parametrize("parts", [set(), {"source"}, {"source", "kind"}])
@pytest.mark.parametrize(("hidden", "width"), [(24, 24), (24, 16), (12, 9)])
def test_kernel_and_torch_agree(parts: set[str], hidden: int, width: int) -> None:
    torch.manual_seed(0)
    network = EdgeEmbedding({"distance": 32}, hidden, 0.0)
    network.second = torch.nn.Linear(hidden, width)
    expansion = GaussianExpansion(30.0)
    batch, targets, sources, edges = 3, 4, 5, 200
    target = torch.randint(batch * targets, (edges,)).sort().values
    source = torch.randint(batch * sources, (edges,))
    kind = torch.randint(4, (edges,)) if "kind" in parts else None
    offset = torch.randn(edges, 3) * 20
    offset[:3] = torch.tensor([[0.0, 0.0, 0.0], [300.0, 0.0, 0.0], [1e-8, 0.0, 0.0]])
    terms = EdgeTerms(
        torch.randn(batch, targets, hidden),
        torch.randn(batch, sources, hidden) if "source" in parts else None,
        torch.randn(4, hidden) if "kind" in parts else None,
        torch.randn(batch, width),
    )
    geometry = EdgeGeometry(target, source, offset, kind)
    leaves = [part.requires_grad_() for part in terms if part is not None] + list(network.parameters())
    leaves = [leaf for leaf in leaves if leaf is not network.first.bias and leaf is not network.second.bias]
    ours, expected = geometry.embedded(network, expansion, terms), by_torch(geometry, network, expansion, terms)
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=2e-6)
    direction = torch.randn_like(expected)
    pairs = [torch.autograd.grad((value * direction).sum(), leaves, allow_unused=True) for value in (ours, expected)]
    for mine, theirs in zip(*pairs, strict=True):
        if mine is None:  # kinds that no edge has
            assert theirs is None or not theirs.any()
            continue
        scale = float(theirs.abs().max().clamp_min(1.0))
        torch.testing.assert_close(mine / scale, theirs / scale, rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        alone = EdgeGeometry(target[7:8], source[7:8], offset[7:8], None if kind is None else kind[7:8])
        assert torch.equal(alone.embedded(network, expansion, terms)[0], ours[7])


def by_torch(geometry: EdgeGeometry, network: EdgeEmbedding, expansion: GaussianExpansion, terms: EdgeTerms) -> Tensor:
    value = network.first.apply_part("distance", expansion(geometry.offset.norm(dim=-1)))
    value = value + terms.at_target.flatten(0, 1)[geometry.target]
    if terms.at_source is not None:
        value = value + terms.at_source.flatten(0, 1)[geometry.source]
    if terms.at_kind is not None and geometry.kind is not None:
        value = value + terms.at_kind[geometry.kind]
    shift = terms.shift[geometry.target // terms.at_target.shape[1]]
    return torch.relu(value) @ network.second.weight.t() + shift


def test_dropout_is_reproducible_unbiased_and_the_same_backward() -> None:
    torch.manual_seed(0)
    network, expansion = EdgeEmbedding({"distance": 32}, 24, 0.4), GaussianExpansion(30.0)
    terms = EdgeTerms(torch.randn(1, 4, 24), None, None, torch.zeros(1, 24))
    geometry = EdgeGeometry(torch.arange(4).repeat_interleave(5), torch.zeros(20, dtype=torch.long), torch.randn(20, 3))
    plain = by_torch(geometry, network, expansion, terms).detach()
    draws = []
    for seed in range(500):
        torch.manual_seed(seed)
        draws.append(geometry.embedded(network, expansion, terms))
    torch.manual_seed(0)
    assert torch.equal(geometry.embedded(network, expansion, terms), draws[0])
    stack = torch.stack([draw.detach() for draw in draws])
    error = stack.std(0) / len(draws) ** 0.5
    assert float(((stack.mean(0) - plain).abs() / error).max()) < 5.0
    direction = torch.randn_like(plain)
    value = (draws[3] * direction).sum()
    (grad,) = torch.autograd.grad(value, [network.second.weight])  # the output is linear in it
    torch.testing.assert_close((grad * network.second.weight).sum(), value, rtol=1e-4, atol=1e-4)
    network.eval()
    torch.testing.assert_close(geometry.embedded(network, expansion, terms).detach(), plain, rtol=1e-5, atol=2e-6)
