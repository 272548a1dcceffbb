"""Edge embeddings by the kernel are those by torch."""

from __future__ import annotations

import pytest
import torch

from disco_dock.kernels.library import available
from disco_dock.models.edges import EdgeTerms
from disco_dock.models.embeddings import EdgeEmbedding, GaussianExpansion
from disco_dock.models.listed_edges import EdgeGeometry

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
    with torch.no_grad():
        ours = geometry.embedded(network, expansion, terms)
    expected = geometry.embedded(network, expansion, terms).detach()
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=2e-6)
    with torch.no_grad():
        alone = EdgeGeometry(target[7:8], source[7:8], offset[7:8], None if kind is None else kind[7:8])
        assert torch.equal(alone.embedded(network, expansion, terms)[0], ours[7])
