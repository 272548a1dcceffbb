"""Stars against the per-edge tensor product of e3nn, in both directions."""

from __future__ import annotations

import math

import pytest
import torch
from e3nn import o3
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from disco_dock.models.layers import star_convolution
from disco_dock.models.layers.irreps import Channels, Features
from disco_dock.models.layers.star_convolution import StarGroup, Stars
from tests.support.reference_convolution import NAMES, from_e3nn, irreps, to_e3nn

HARMONICS = o3.Irreps("1x0e+1x1o+1x2e")
ORDER = {"0e": ("0e", "1o"), "1o": ("0e", "1o", "1e", "1o"), "1e": ("1o", "1e", "0o", "1e"), "0o": ("1e", "0o")}
SIZES = [
    (Channels(4), Channels(4, 2)),
    (Channels(5, 2), Channels(3, 2, 2)),
    (Channels(5, 3, 2, 4), Channels(3, 2, 4, 3)),
]
EDGE = 6


def features(nodes: int, channels: Channels) -> Features:
    return Features.from_flat(torch.randn(nodes, channels.width), channels)


def random_stars(centres: int, partners: int, slots: int = 3) -> Stars:
    centre = torch.randperm(centres)[: centres - 1]
    shape = (len(centre), slots)
    direction = math.sqrt(3) * torch.nn.functional.normalize(torch.randn(*shape, 3), dim=-1)
    direction[0, 0] = 0.0  # an edge of length zero
    mask = torch.rand(shape) > 0.3
    mask[0, 0] = True
    return Stars(centre, torch.randint(partners, shape), mask, torch.randn(*shape, EDGE), direction)


def weight_blocks(group: StarGroup, product: o3.FullyConnectedTensorProduct, hidden: Tensor) -> Tensor:
    """(1, numbers) weights of one edge in the order of e3nn's instructions."""
    blocks = []
    for path in product.instructions:
        out, source = NAMES[path.i_out], NAMES[path.i_in1]
        sizes = [group.inputs[NAMES.index(name)] for name in ORDER[out]]
        place = [k for k, name in enumerate(ORDER[out]) if name == source]
        slot = place[1] if path.i_in2 == 2 else place[0]
        start = sum(sizes[:slot])
        weight = group.mix[path.i_out][:, start : start + sizes[slot]]
        blocks.append((hidden @ weight.flatten(1)).flatten())
    return torch.cat(blocks)[None]


def per_edge(group: StarGroup, stars: Stars, target: Features, source: Features, *, to_centre: bool) -> Tensor:
    """(targets, width) sums of messages, one edge after the other."""
    product = o3.FullyConnectedTensorProduct(
        irreps(group.inputs), HARMONICS, irreps(group.outputs), shared_weights=False
    )
    out = torch.zeros(len(target.even_scalars), group.outputs.width)
    for row, slot in stars.mask.nonzero().tolist():
        ends = stars.centre[row], stars.partner[row, slot]
        i, j = ends if to_centre else ends[::-1]
        value = torch.cat([stars.embedding[row, slot], target.even_scalars[i], source.even_scalars[j]])
        hidden = torch.cat([torch.relu(group.weight @ value + group.bias), torch.ones(1)])
        sphere = o3.spherical_harmonics(HARMONICS, stars.direction[row, slot], True, "component")
        x = to_e3nn(Features(*(part[j : j + 1] for part in source)))
        out[i] += from_e3nn(product(x, sphere[None], weight_blocks(group, product, hidden)), group.outputs).flat()[0]
    return out


@pytest.fixture(autouse=True)
def _double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("to_centre", [True, False])
@pytest.mark.parametrize("sizes", SIZES)
def test_equals_the_tensor_product_of_every_edge(sizes: tuple[Channels, Channels], to_centre: bool) -> None:
    inputs, outputs = sizes
    group = StarGroup(inputs, outputs, EDGE, inputs.even_scalars, 7, 0.0)
    stars = random_stars(6, 9)
    near, far = features(6, inputs), features(9, inputs)
    target, source = (near, far) if to_centre else (far, near)
    ours = (group.gather if to_centre else group.spread)(stars, target, source)
    torch.testing.assert_close(ours, per_edge(group, stars, target, source, to_centre=to_centre))


@pytest.mark.parametrize("direction", ["gather", "spread"])
def test_chunks_change_neither_values_nor_gradients(direction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, outputs = SIZES[2]
    group, stars = StarGroup(inputs, outputs, EDGE, 5, 7, 0.0), random_stars(12, 12)
    nodes = features(12, inputs)
    results = []
    for chunk in (100, 4):
        monkeypatch.setattr(star_convolution, "CHUNK", chunk)
        group.zero_grad()
        out = getattr(group, direction)(stars, nodes, nodes)
        out.square().sum().backward()
        results.append([out.detach(), *(parameter.grad.clone() for parameter in group.parameters())])
    torch.testing.assert_close(*results)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_marks_follow_the_edges(seed: int) -> None:
    torch.manual_seed(seed)
    stars, chosen = random_stars(6, 9), torch.rand(9) > 0.5
    pairs = [(int(stars.centre[row]), int(stars.partner[row, slot])) for row, slot in stars.mask.nonzero().tolist()]
    assert set(stars.at_centres(chosen, 6).nonzero().flatten().tolist()) == {c for c, p in pairs if chosen[p]}
    centres = torch.rand(6) > 0.5
    assert set(stars.at_partners(centres, 9).nonzero().flatten().tolist()) == {p for c, p in pairs if centres[c]}
    assert int(stars.with_partners(chosen).mask.sum()) == sum(bool(chosen[p]) for _, p in pairs)
    assert int(stars.with_centres(centres).mask.sum()) == sum(bool(centres[c]) for c, _ in pairs)


def test_repeat_numbers_the_nodes_of_each_copy() -> None:
    stars = random_stars(6, 9)
    twice = stars.repeat(2, 6, 9)
    torch.testing.assert_close(twice.centre, torch.cat([stars.centre, stars.centre + 6]))
    torch.testing.assert_close(twice.partner, torch.cat([stars.partner, stars.partner + 9]))
    torch.testing.assert_close(twice.embedding[5:], stars.embedding)
