"""The fused convolution equals e3nn's tensor product edge by edge, forward and backward, whatever its company."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from disco_dock.kernels.compiled import available, threads, torch_on_one_thread
from disco_dock.kernels.convolution import (
    Dropout,
    EdgeRows,
    ProductSizes,
    convolve,
    pack_weights,
    padded_hidden,
)
from disco_dock.models.layers.irreps import Channels, Features
from disco_dock.models.layers.tensor_product import EdgeGroup, harmonics
from tests.support.reference_convolution import reference_sum

pytestmark = pytest.mark.skipif(not available(), reason="no C compiler")
PUBLISHED = Channels(24, 6, 6, 24)


class Case:
    """Random edges between random nodes: some targets have none, one has more than a block of the kernel."""

    def __init__(self, seed: int, inputs: Channels, outputs: Channels, *, hidden: int = 5, width: int = 7) -> None:
        draws = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        self.group = EdgeGroup(inputs, outputs, width, inputs.even_scalars, hidden, 0.0)
        self.inputs, self.outputs = inputs, outputs
        degrees = torch.randint(0, 6, (9,), generator=draws)
        degrees[4] = 150
        self.target = torch.repeat_interleave(torch.arange(9), degrees)
        edges, sources = len(self.target), 8
        self.source = torch.randint(sources, (edges,), generator=draws)
        self.vector = torch.randn(edges, 3, generator=draws)
        row = torch.randperm(edges, generator=draws)
        geometry = torch.empty_like(self.vector)
        geometry[row] = self.vector
        self.rows = EdgeRows(
            start=torch.cat([torch.zeros(1, dtype=torch.long), degrees.cumsum(0)]).int(),
            source=self.source.int(),
            row=row.int(),
            sh=harmonics(geometry)[:, 1:].contiguous(),
            targets=torch.arange(9, dtype=torch.int32),
        )
        self.embedding = torch.randn(edges, width, generator=draws).requires_grad_()
        self.scalars = torch.randn(9, inputs.even_scalars, generator=draws).requires_grad_()
        self.x = torch.randn(sources, inputs.width, generator=draws).requires_grad_()

    def fused(self, rows: EdgeRows | None = None) -> Tensor:
        return self.group.listed_sum(rows or self.rows, self.embedding, self.scalars, self.x)

    def reference(self) -> Tensor:
        at_target, at_source = self.group.node_parts(self.scalars, self.x[:, : self.inputs.even_scalars])
        mask = torch.ones(len(self.target), 1)
        edge = self.embedding[self.rows.row.long()]
        hidden = self.group.hidden_activations(edge, at_target[self.target], at_source[self.source], mask)
        features = Features.from_flat(self.x, self.inputs)
        weights = list(self.group.mix.weights)
        found = reference_sum(weights, hidden, self.vector, features, self.outputs, self.source, self.target, 9)
        return found.flat()

    def leaves(self) -> list[Tensor]:
        weights = [weight for weight in self.group.mix.weights if weight.numel()]
        return [self.embedding, self.scalars, self.x, self.group.weight, self.group.bias, *weights]


def channels() -> st.SearchStrategy[Channels]:
    small = st.integers(0, 3)
    return st.builds(Channels, st.integers(1, 9), small, small, small)


@settings(max_examples=15, deadline=None)
@given(inputs=channels(), outputs=channels(), hidden=st.integers(1, 19), seed=st.integers(0, 1000))
@example(inputs=PUBLISHED, outputs=PUBLISHED, hidden=72, seed=0)
@example(inputs=Channels(24), outputs=Channels(24, 6), hidden=72, seed=0)
@example(inputs=Channels(32, 8, 8, 8), outputs=Channels(32, 8, 8, 8), hidden=16, seed=0)
@example(inputs=PUBLISHED, outputs=Channels(0, 2, 2, 0), hidden=48, seed=0)
def test_equals_the_tensor_product_edge_by_edge(inputs, outputs, hidden, seed):
    case = Case(seed, inputs, outputs, hidden=hidden)
    ours, expected = case.fused(), case.reference()
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)
    direction = torch.randn_like(expected)
    pairs = (
        torch.autograd.grad((value * direction).sum(), case.leaves(), allow_unused=True) for value in (ours, expected)
    )
    for mine, theirs in zip(*pairs, strict=True):
        theirs = torch.zeros_like(mine) if theirs is None else theirs
        scale = float(theirs.abs().max().clamp_min(1.0))
        torch.testing.assert_close(mine / scale, theirs / scale, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_target_does_not_depend_on_the_others_nor_on_threads():
    results: list[Tensor] = []
    case = Case(1, PUBLISHED, PUBLISHED, hidden=72)
    before = torch.get_num_threads()
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            with torch_on_one_thread():
                assert threads() == count and torch.get_num_threads() == 1
                results.append(case.fused())
            assert torch.equal(results[0], results[-1])
    finally:
        torch.set_num_threads(before)
    every = case.fused()
    for wanted in ([4], [8, 1], [0, 2, 3, 5, 6]):
        some = case.fused(replace(case.rows, targets=torch.tensor(wanted, dtype=torch.int32)))
        assert torch.equal(some[wanted], every[wanted])
        others = [n for n in range(9) if n not in wanted]
        assert not some[others].any()


def test_no_edges_at_all():
    case = Case(2, PUBLISHED, PUBLISHED)
    none = EdgeRows(torch.zeros(10, dtype=torch.int32), *(part[:0] for part in (case.rows.source, case.rows.row)),
                    case.rows.sh[:0], case.rows.targets)  # fmt: skip
    out = case.group.listed_sum(none, case.embedding[:0], case.scalars, case.x)
    assert out.shape == (9, PUBLISHED.width) and not out.any()
    out.sum().backward()
    assert not case.x.grad.any() and all(not w.grad.any() for w in case.group.mix.weights)


def dropped(case: Case, rate: float, seed: int, hidden: int) -> Tensor:
    """The outputs with dropout."""
    sizes = ProductSizes(tuple(case.inputs), tuple(case.outputs), hidden)
    weights = list(case.group.mix.weights)
    missing = padded_hidden(hidden) - hidden
    pad = torch.nn.functional.pad
    edge, target, source = pad(case.group.weight, (0, 0, 0, missing)).split(case.group.sizes, 1)
    return convolve(
        case.rows,
        sizes,
        weights,
        pack_weights(sizes, weights),
        embedding=case.embedding,
        at_target=case.scalars @ target.t() + pad(case.group.bias, (0, missing)),
        at_source=case.x[:, : case.inputs.even_scalars] @ source.t(),
        edge_weight=edge.t().contiguous(),
        x=case.x,
        dropout=Dropout(rate, seed),
    )


def test_dropout_is_reproducible_and_unbiased():
    case = Case(3, Channels(6, 2, 2, 2), Channels(6, 2, 2, 2), hidden=16)
    plain = dropped(case, 0.0, 0, 16).detach()
    torch.testing.assert_close(plain, case.fused())
    assert torch.equal(dropped(case, 0.3, 5, 16), dropped(case, 0.3, 5, 16))
    draws = torch.stack([dropped(case, 0.3, seed, 16).detach() for seed in range(600)])
    error = draws.std(0) / len(draws) ** 0.5
    assert float(((draws.mean(0) - plain).abs() / error.clamp_min(1e-6)).max()) < 5.5
    assert float(draws.std(0)[4].min()) > 0.0


def test_dropout_has_the_same_mask_backward():
    """The outputs are linear in the product weights, so their gradient gives the outputs back."""
    case = Case(4, Channels(6, 2, 2, 2), Channels(6, 2, 2, 2), hidden=16)
    out = dropped(case, 0.5, 11, 16)
    direction = torch.randn_like(out)
    grads = torch.autograd.grad((out * direction).sum(), list(case.group.mix.weights))
    again = sum((grad * weight).sum() for grad, weight in zip(grads, case.group.mix.weights, strict=True))
    torch.testing.assert_close(again, (out * direction).sum(), rtol=1e-4, atol=1e-4)


def test_weights_are_packed_again_after_a_change():
    case = Case(5, Channels(4, 1), Channels(4, 1))
    with torch.no_grad():
        before = case.fused()
        case.group.mix.weights[0].mul_(2.0)
        case.group.weight.add_(0.1)
        after = case.fused()
    assert not torch.equal(before, after)
    torch.testing.assert_close(after, case.reference().detach(), rtol=1e-4, atol=1e-4)


def test_double_precision_is_refused():
    case = Case(6, Channels(4, 1), Channels(4, 1))
    with pytest.raises(ValueError, match="float32"):
        case.group.listed_sum(case.rows, case.embedding.double(), case.scalars, case.x)
