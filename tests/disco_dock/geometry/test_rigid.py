"""Superposition against scipy, under all kinds of degeneracy, and row by row."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from disco_dock.geometry.rigid import centroid, kabsch, superpose

seeds = st.integers(0, 10_000)


def normal(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(seeds, st.integers(4, 9))
def test_rotation_is_scipys(seed, atoms):
    mobile, target = normal(seed, 1, atoms, 3), normal(seed + 1, 1, atoms, 3)
    left, right = (value[0].numpy() - value[0].numpy().mean(0) for value in (mobile, target))
    expected, distance = Rotation.align_vectors(right, left)
    rotation, _ = kabsch(mobile, target)
    np.testing.assert_allclose(rotation[0].numpy(), expected.as_matrix(), atol=1e-7)
    found = float((superpose(mobile, target) - target).square().sum().sqrt())
    assert found == pytest.approx(distance, rel=1e-9)


@given(seeds, st.sampled_from(["point", "line", "plane", "mirror", "pair"]), st.sampled_from([1e-3, 1.0, 1e3]))
def test_degenerate_shapes_give_proper_rotations_and_no_error(seed, shape, scale):
    pos = normal(seed, 2, 6, 3) * scale
    keep = {"point": [0, 0, 0], "line": [1, 0, 0], "plane": [1, 1, 0], "mirror": [1, 1, 1], "pair": [1, 0, 0]}[shape]
    pos = pos * torch.tensor(keep, dtype=torch.float64)
    if shape == "pair":
        pos = pos[:, :2]
    turn = torch.from_numpy(Rotation.random(2, random_state=seed).as_matrix())
    target = pos @ turn.transpose(1, 2) + normal(seed + 1, 2, 1, 3) * scale
    if shape == "mirror":
        target = target * torch.tensor([1.0, 1.0, -1.0])
    rotation, shift = kabsch(pos, target)
    torch.testing.assert_close(
        rotation @ rotation.transpose(1, 2), torch.eye(3, dtype=torch.float64).expand(2, 3, 3), rtol=0, atol=1e-9
    )
    assert float((torch.linalg.det(rotation) - 1).abs().max()) < 1e-9 and torch.isfinite(shift).all()
    if shape != "mirror":
        torch.testing.assert_close(superpose(pos, target), target, rtol=0, atol=1e-8 * scale)


@given(seeds)
def test_rows_and_padding_do_not_matter(seed):
    pos, target = normal(seed, 3, 8, 3), normal(seed + 1, 3, 8, 3)
    counts = torch.tensor([8, 5, 1])
    mask = torch.arange(8)[None] < counts[:, None]
    padded = torch.where(mask[..., None], pos, torch.full_like(pos, 1e4))
    rotation, shift = kabsch(padded, target, mask)
    for row, count in enumerate(counts.tolist()):
        alone, offset = kabsch(pos[row : row + 1, :count], target[row : row + 1, :count])
        if count > 3:
            torch.testing.assert_close(rotation[row], alone[0], rtol=0, atol=1e-6)
            torch.testing.assert_close(shift[row], offset[0], rtol=0, atol=1e-6)
        moved = pos[row, :count] @ rotation[row].T + shift[row]
        torch.testing.assert_close(moved.mean(0), target[row, :count].mean(0), rtol=0, atol=1e-8)


@given(seeds)
def test_no_other_rigid_motion_is_nearer(seed):
    pos, target = normal(seed, 1, 5, 3), normal(seed + 1, 1, 5, 3)
    best = (superpose(pos, target) - target).square().sum()
    turn = torch.from_numpy(Rotation.random(random_state=seed).as_matrix())
    assert float((pos @ turn.T + normal(seed + 2, 3) - target).square().sum()) >= float(best) - 1e-9


def test_centroid_of_nothing_is_finite():
    assert centroid(torch.ones(1, 3, 3), torch.zeros(1, 3, dtype=torch.bool)).tolist() == [[0.0, 0.0, 0.0]]


def test_single_precision_stays_single():
    rotation, shift = kabsch(torch.randn(2, 5, 3), torch.randn(2, 5, 3))
    assert rotation.dtype == shift.dtype == torch.float32
