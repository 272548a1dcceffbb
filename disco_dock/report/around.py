"""Where names go around a drawing: on an ellipse, near what they belong to, apart, and with few lines crossing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

GAP = 0.42  # radians between names
ROUNDS = 200
PASSES = 3
CROSSING, THROUGH = 400.0, 120.0
"""Length of line that a crossing of two lines, and of a line with a bond, is worth."""


class Anchor(NamedTuple):
    """Where a line starts in the drawing, (2,), and the way out of the drawing from there."""

    start: np.ndarray
    way: np.ndarray


def place_residues(
    anchors: Mapping[str, Sequence[Anchor]],
    bonds: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    reach: tuple[float, float],
    middle: tuple[float, float],
) -> dict[str, tuple[float, float]]:
    """Middle of each name.

    Args:
        anchors: starts of the lines of each name.
        bonds: ends of the drawing's bonds, which lines should not cross.
        reach: half axes of the ellipse.
        middle: of the ellipse.
    """
    names = [name for name, own in anchors.items() if own]
    if not names:
        return {}
    center, axes = np.array(middle), np.array(reach)
    angles = _apart(np.array([_angle(anchors[name], center, axes) for name in names]))
    spots = center + axes * np.stack([np.cos(angles), np.sin(angles)], -1)
    order = _untangled(spots, [anchors[name] for name in names], bonds)
    return {
        name: (round(float(spots[spot][0]), 1), round(float(spots[spot][1]), 1))
        for name, spot in zip(names, order, strict=True)
    }


def _angle(own: Sequence[Anchor], center: np.ndarray, axes: np.ndarray) -> float:
    """Where the ellipse is met on the mean way out from the mean start."""
    start = (np.mean([one.start for one in own], 0) - center) / axes
    way = np.sum([one.way / (np.linalg.norm(one.way) + 1e-9) for one in own], 0) / axes
    if np.linalg.norm(way) < 1e-6:
        way = start if np.linalg.norm(start) > 1e-6 else np.array([0.0, -1.0])
    a, b, c = way @ way, start @ way, start @ start - 1
    end = start + way * (-b + math.sqrt(max(b * b - a * c, 0.0))) / a
    return math.atan2(end[1], end[0])


def _apart(angles: np.ndarray) -> np.ndarray:
    """Angles that are pushed apart until no two are nearer than `GAP`."""
    gap = min(GAP, 2 * math.pi / len(angles))
    for _ in range(ROUNDS):
        order = np.argsort(angles)
        moved = False
        for first, second in zip(order, np.roll(order, -1), strict=True):
            apart = (angles[second] - angles[first]) % (2 * math.pi)
            if first != second and apart < gap - 1e-3:
                push = (gap - apart) / 2
                angles[first] -= push
                angles[second] += push
                moved = True
        angles = (angles + math.pi) % (2 * math.pi) - math.pi
        if not moved:
            break
    return angles


def _untangled(
    spots: np.ndarray, anchors: Sequence[Sequence[Anchor]], bonds: Sequence[tuple[np.ndarray, np.ndarray]]
) -> list[int]:
    """Which spot each name gets: names change places as long as that shortens and untangles the lines."""
    owners = np.array([index for index, own in enumerate(anchors) for _ in own])
    starts = np.array([one.start for own in anchors for one in own])
    bond_ends = np.array(bonds).reshape(-1, 2, 2)

    def cost(order: list[int]) -> float:
        ends = spots[np.array(order)[owners]]
        length = float(np.linalg.norm(ends - starts, axis=-1).sum())
        crossing = _cross(starts, ends, starts, ends) & (owners[:, None] != owners[None, :])
        near = starts + 0.08 * (ends - starts)  # a line begins at a bond's end without crossing it
        through = _cross(near, ends, bond_ends[:, 0], bond_ends[:, 1])
        return length + CROSSING * float(crossing.sum()) / 2 + THROUGH * float(through.sum())

    order = list(range(len(anchors)))
    best = cost(order)
    for _ in range(PASSES):
        before = best
        for one, other in combinations(range(len(order)), 2):
            order[one], order[other] = order[other], order[one]
            now = cost(order)
            if now < best - 1e-6:
                best = now
            else:
                order[one], order[other] = order[other], order[one]
        if best == before:
            break
    return order


def _cross(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """(n, m) whether the lines from a to b (n, 2) cross those from c to d (m, 2)."""
    a, b, c, d = a[:, None], b[:, None], c[None], d[None]

    def side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        return (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (r[..., 0] - p[..., 0])

    return (side(a, b, c) * side(a, b, d) < -1e-9) & (side(c, d, a) * side(c, d, b) < -1e-9)
