"""Residue neighbours against brute force and the published edges; trace features in any frame."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.graph.receptor_graph import MAX_BOND_LENGTH, residue_neighbours, trace_features
from disco_dock.graph.schema import NUM_TRACE_SCALARS, NUM_TRACE_VECTORS
from tests.support.golden import load_golden
from tests.support.graphs import random_graph, random_rotation

seeds = st.integers(0, 10_000)


@given(seed=seeds, num=st.integers(1, 30), radius=st.sampled_from([2.0, 6.0, 15.0]), count=st.integers(1, 24))
def test_neighbours_against_brute_force(seed: int, num: int, radius: float, count: int) -> None:
    pos = 5 * torch.randn(num, 3, generator=torch.Generator().manual_seed(seed))
    index, mask = residue_neighbours(pos, radius, count)
    assert index.shape == mask.shape == (num, max(min(count, num - 1), 1))
    for i in range(num):
        others = sorted((float((pos[i].double() - pos[j].double()).norm()), j) for j in range(num) if j != i)
        expected = [j for distance, j in others if distance < radius][:count] or [j for _, j in others[:1]]
        assert sorted(index[i][mask[i]].tolist()) == sorted(expected)


@pytest.mark.parametrize("name", ["6moa", "6w70", "1a0q"])
def test_published_edges(name: str) -> None:
    golden = load_golden(f"graph_{name}.npz")
    index, mask = residue_neighbours(torch.from_numpy(golden["rec_pos"]))
    target, slot = mask.nonzero().T
    ours = set(zip(target.tolist(), index[target, slot].tolist(), strict=True))
    assert ours == set(map(tuple, golden["rec_edge_index"].T.tolist()))


def test_the_radius_is_strict() -> None:
    pos = torch.tensor([[0.0, 0, 0], [3.0, 0, 0], [-2.0, 0, 0]])
    _, mask = residue_neighbours(pos, radius=3.0)
    assert mask[0].tolist() == [True, False]


@given(seed=seeds)
def test_trace_features_turn_with_the_receptor(seed: int) -> None:
    graph = random_graph(seed, residues=20)
    draws = torch.Generator().manual_seed(seed)
    rotation, shift = random_rotation(draws), 10 * torch.randn(3, generator=draws)
    scalars, vectors = trace_features(graph.rec_pos, graph.rec_chain)
    turned_scalars, turned = trace_features(graph.rec_pos @ rotation.T + shift, graph.rec_chain)
    assert scalars.shape == (20, NUM_TRACE_SCALARS) and vectors.shape == (20, 3, NUM_TRACE_VECTORS)
    torch.testing.assert_close(turned[..., :2], (rotation @ vectors)[..., :2], atol=1e-5, rtol=0)
    bent = (1 + scalars[:, 7]).sqrt()  # the bisector of an almost straight trace is lost in rounding
    error = (turned - rotation @ vectors)[..., 2].norm(dim=-1)
    assert bool((error * bent < 1e-4).all())
    continuous = [5, 6, 7, 8, 9, 10, 11]  # the others count residues within a distance
    torch.testing.assert_close(turned_scalars[:, continuous], scalars[:, continuous], atol=2e-3, rtol=0)


def test_chain_ends_and_breaks() -> None:
    pos = torch.tensor([[0.0, 0, 0], [3.8, 0, 0], [7.6, 0, 0], [30.0, 0, 0], [33.8, 0, 0], [37.6, 0, 0]])
    chain = torch.tensor([0, 0, 0, 0, 0, 1])
    scalars, vectors = trace_features(pos, chain)
    assert scalars[:, 5].tolist() == [1, 1, 0, 1, 0, 0]  # next residue
    assert scalars[:, 6].tolist() == [0, 1, 1, 0, 1, 0]  # previous residue
    assert vectors[:, 0, 0].tolist() == [1, 1, 0, 1, 0, 0]
    assert not vectors[5].any()
    assert float(scalars[1, 7]) == pytest.approx(-1.0)  # straight
    assert float(scalars[0, 10]) == pytest.approx(7.6 / 6.0)
    assert not scalars[1:, 10].any()
    assert MAX_BOND_LENGTH > 3.8


def test_dihedral_sign_tells_hands_apart() -> None:
    angle = torch.arange(6) * 1.75
    helix = torch.stack([2.3 * angle.cos(), 2.3 * angle.sin(), 1.5 * torch.arange(6)], 1)
    chain = torch.zeros(6, dtype=torch.long)
    right, _ = trace_features(helix, chain)
    left, _ = trace_features(helix * torch.tensor([1.0, 1.0, -1.0]), chain)
    middle = slice(1, 4)
    torch.testing.assert_close(right[middle, 8], left[middle, 8])
    torch.testing.assert_close(right[middle, 9], -left[middle, 9])
    torch.testing.assert_close(right[middle, 8] ** 2 + right[middle, 9] ** 2, torch.ones(3))
    assert float(right[1, 9]) > 0.5  # about 50 degrees in an alpha helix


@pytest.mark.parametrize("num", [1, 2, 3])
def test_tiny_receptors_have_finite_features(num: int) -> None:
    graph = random_graph(0, residues=num)
    scalars, vectors = trace_features(graph.rec_pos, graph.rec_chain)
    assert scalars.shape == (num, NUM_TRACE_SCALARS) and scalars.isfinite().all() and vectors.isfinite().all()
