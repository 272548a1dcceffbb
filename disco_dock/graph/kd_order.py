"""The first few points within a radius, in the order in which the published program's k-d tree finds them.

The published all-atom graph keeps at most eight neighbours of an atom out of some twenty within 5 Angstrom, and which
eight depends on the search order of its k-d tree: halves of the box of points, leaves of at most ten points in the
order that partitioning leaves them in, and always the nearer half first. A network trained on such graphs needs such
graphs. The order of two found points follows from the leaves they lie in, so all searches are done at once by sorting.

Source: the algorithm of nanoflann's single-index k-d tree, after Muja and Lowe 2009 (FLANN).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

LEAF_SIZE = 10
SPAN_TOLERANCE = np.float32(1 - 1e-5)  # dimensions this close to the widest compete by the spread of their points
WORD_BITS = 60


class KDOrder(NamedTuple):
    """Where each point lies in the tree.

    Attributes:
        place: (points,) position in the order of all leaves.
        node: (depth, points) inner node that a point passes at each depth, -1 below its leaf.
        right: (depth, points) whether it goes to the second half there.
        axis: (nodes,) axis along which a node divides.
        low: (nodes,) largest coordinate in the first half.
        high: (nodes,) smallest coordinate in the second half.
    """

    place: np.ndarray
    node: np.ndarray
    right: np.ndarray
    axis: np.ndarray
    low: np.ndarray
    high: np.ndarray


def _partition(part: np.ndarray, goes_left: np.ndarray, start: int) -> int:
    """Reorder part[start:] in place as two pointers that walk inwards and swap; the first place of the right side."""
    end = start + int(goes_left[start:].sum())
    wrong_left = start + np.flatnonzero(~goes_left[start:end])
    wrong_right = end + np.flatnonzero(goes_left[end:])[::-1]
    part[wrong_left], part[wrong_right] = part[wrong_right], part[wrong_left]
    return end


def _divide(pos: np.ndarray, part: np.ndarray, box: np.ndarray) -> tuple[int, int, np.float32]:
    """Reorder the points `part` of a node in place; the axis, the size of the first half, and the cutting coordinate.

    Args:
        pos: (points, 3) float32.
        part: points of the node, changed in place.
        box: (2, 3) lowest and highest corner of the node's box.
    """
    span = box[1] - box[0]
    lowest, highest = pos[part].min(0), pos[part].max(0)
    spread = np.where(span > SPAN_TOLERANCE * span.max(), highest - lowest, -1)
    axis = int(spread.argmax())
    cut = np.clip((box[0, axis] + box[1, axis]) / np.float32(2), lowest[axis], highest[axis])
    first = _partition(part, pos[part, axis] < cut, 0)
    second = _partition(part, pos[part, axis] <= cut, first)
    half = len(part) // 2
    return axis, first if first > half else min(second, half), cut


def kd_order(pos: np.ndarray) -> KDOrder:
    """The tree over some points.

    Args:
        pos: (points, 3) float32.
    """
    order = np.arange(len(pos))
    place, nodes, rights = np.empty(len(pos), dtype=np.int64), [], []
    dividers: list[tuple[int, np.float32, np.float32]] = []
    box = np.stack([pos.min(0), pos.max(0)])
    stack = [(0, len(pos), 0, box)]
    while stack:
        start, end, depth, box = stack.pop()
        part = order[start:end]
        if end - start <= LEAF_SIZE:
            continue
        axis, size, cut = _divide(pos, part, box)
        if depth == len(nodes):
            nodes.append(np.full(len(pos), -1))
            rights.append(np.zeros(len(pos), dtype=bool))
        nodes[depth][part] = len(dividers)
        rights[depth][part[size:]] = True
        dividers.append((axis, pos[part[:size], axis].max(), pos[part[size:], axis].min()))
        lower, upper = box.copy(), box.copy()
        lower[1, axis] = upper[0, axis] = cut
        stack += [(start, start + size, depth + 1, lower), (start + size, end, depth + 1, upper)]
    place[order] = np.arange(len(pos))
    axis, low, high = zip(*dividers, strict=True) if dividers else ((), (), ())
    shape = (len(nodes), len(pos))
    return KDOrder(
        place,
        np.array(nodes, dtype=np.int64).reshape(shape),
        np.array(rights, dtype=bool).reshape(shape),
        np.array(axis, dtype=np.int64),
        np.array(low, dtype=np.float32),
        np.array(high, dtype=np.float32),
    )


def first_neighbours(pos: np.ndarray, radius: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours of each point within a radius: of the first `count` + 1 points found, those that are not itself.

    So a point has `count` neighbours at most, or `count` + 1 when it is not among the first found itself.

    Args:
        pos: (points, 3) in Angstrom.
        radius: Angstrom, strict.
        count: limit.

    Returns:
        index (points, count + 1) int64 and mask (points, count + 1) bool.
    """
    pos = np.ascontiguousarray(pos, dtype=np.float32)
    pairs = KDTree(pos.astype(np.float64)).query_pairs(radius * (1 + 1e-6), output_type="ndarray")
    own = np.arange(len(pos))
    centre, found = np.concatenate([pairs, pairs[:, ::-1], np.stack([own, own], 1)]).T
    near = np.square(pos[centre] - pos[found]).sum(1) < np.float32(radius) ** 2
    centre, found = centre[near], found[near]
    keys = _search_keys(pos, kd_order(pos), centre, found)
    order = np.lexsort([*keys[::-1], centre])
    centre, found = centre[order], found[order]
    rank = np.arange(len(centre)) - np.searchsorted(centre, centre)
    kept = (rank <= count) & (centre != found)
    centre, found = centre[kept], found[kept]
    slot = np.arange(len(centre)) - np.searchsorted(centre, centre)
    index = np.zeros((len(pos), count + 1), dtype=np.int64)
    mask = np.zeros((len(pos), count + 1), dtype=bool)
    index[centre, slot], mask[centre, slot] = found, True
    return index, mask


def _search_keys(pos: np.ndarray, tree: KDOrder, centre: np.ndarray, found: np.ndarray) -> list[np.ndarray]:
    """Integer keys, most significant first, that sort the points found from one centre by when they are found."""
    keys: list[np.ndarray] = []
    for depth, (node, right) in enumerate(zip(tree.node, tree.right, strict=True)):
        passed = node[found]
        value = pos[centre, tree.axis[passed]]
        nearer_right = (value - tree.low[passed]) + (value - tree.high[passed]) >= 0
        later = (right[found] != nearer_right) & (passed >= 0)
        if depth % WORD_BITS == 0:
            keys.append(np.zeros(len(centre), dtype=np.int64))
        keys[-1] = 2 * keys[-1] + later
    return [*keys, tree.place[found]]
