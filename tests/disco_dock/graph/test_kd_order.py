"""The search order of the k-d tree, against a search that walks the tree as the published program does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disco_dock.graph.kd_order import LEAF_SIZE, first_neighbours


def walked(pos: np.ndarray, radius: float) -> list[list[int]]:
    """For each point all points within the radius, itself too, in the order of a recursive search."""
    pos = pos.astype(np.float32)
    order = list(range(len(pos)))

    def partition(start: int, end: int, goes_left) -> int:
        left, right = start, end - 1
        while True:
            while left <= right and goes_left(order[left]):
                left += 1
            while left <= right and not goes_left(order[right]):
                right -= 1
            if left > right:
                return left
            order[left], order[right] = order[right], order[left]
            left, right = left + 1, right - 1

    def build(start: int, end: int, low: np.ndarray, high: np.ndarray):
        if end - start <= LEAF_SIZE:
            return (start, end)
        here = pos[order[start:end]]
        spread = here.max(0) - here.min(0)
        widest = (high - low) > np.float32(1 - 1e-5) * (high - low).max()
        axis = max((k for k in range(3) if widest[k]), key=lambda k: spread[k])
        cut = min(max((low[axis] + high[axis]) / np.float32(2), here[:, axis].min()), here[:, axis].max())
        first = partition(start, end, lambda i: pos[i, axis] < cut)
        second = partition(first, end, lambda i: pos[i, axis] <= cut)
        half = start + (end - start) // 2
        middle = first if first > half else (second if second < half else half)
        upper, lower = high.copy(), low.copy()
        upper[axis] = lower[axis] = cut
        children = build(start, middle, low, upper), build(middle, end, lower, high)
        return (axis, pos[order[start:middle], axis].max(), pos[order[middle:end], axis].min(), *children)

    tree = build(0, len(pos), pos.min(0), pos.max(0))

    def search(node, point: np.ndarray) -> list[int]:
        if len(node) == 2:
            return [i for i in order[slice(*node)] if ((pos[i] - point) ** 2).sum() < np.float32(radius) ** 2]
        axis, low, high, left, right = node
        nearer = (left, right) if (point[axis] - low) + (point[axis] - high) < 0 else (right, left)
        return [i for child in nearer for i in search(child, point)]

    return [search(tree, point) for point in pos]


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 250), limit=st.integers(1, 12), grid=st.booleans())
def test_first_found(seed: int, count: int, limit: int, grid: bool) -> None:
    pos = np.random.default_rng(seed).normal(0.0, 4.0, (count, 3))
    pos = np.rint(pos) if grid else pos  # a grid has ties and points at one place
    index, mask = first_neighbours(pos, 3.0, limit)
    for point, found in enumerate(walked(pos, 3.0)):
        expected = [other for other in found[: limit + 1] if other != point]
        assert index[point][mask[point]].tolist() == expected


def test_a_large_limit_gives_every_neighbour() -> None:
    pos = np.random.default_rng(0).normal(0.0, 4.0, (120, 3))
    index, mask = first_neighbours(pos, 5.0, 119)
    distance = np.linalg.norm(pos[:, None] - pos[None], axis=-1)
    for point in range(120):
        assert set(index[point][mask[point]]) == set(np.flatnonzero(distance[point] < 5.0)) - {point}


@pytest.mark.parametrize("count", [1, 2])
def test_few_points(count: int) -> None:
    index, mask = first_neighbours(np.arange(3.0 * count).reshape(count, 3), 100.0, 8)
    assert mask.sum(1).tolist() == [count - 1] * count
    assert index.shape == (count, 9)


def test_all_points_at_one_place() -> None:
    _, mask = first_neighbours(np.zeros((40, 3)), 1.0, 8)
    assert set(mask.sum(1)) <= {8, 9}
