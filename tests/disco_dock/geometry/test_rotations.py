"""Rotation vectors near zero and near pi, in both precisions, and uniform rotations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from disco_dock.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle, random_rotations

axes = st.integers(0, 10_000)
small = st.floats(-9, 0.4).map(lambda power: 10.0**power)


def rotation_vector(seed, length):
    return torch.nn.functional.normalize(
        torch.randn(3, generator=torch.Generator().manual_seed(seed)).double(), dim=0
    ) * (length)


@given(axes, small)
def test_small_rotations_against_scipy(seed, length):
    vector = rotation_vector(seed, length)
    expected = torch.from_numpy(Rotation.from_rotvec(vector.numpy()).as_matrix())
    torch.testing.assert_close(axis_angle_to_matrix(vector), expected, rtol=0, atol=1e-14)
    # relative to the turn itself, also where the turn is far below the identity's rounding
    skew = (axis_angle_to_matrix(vector) - axis_angle_to_matrix(-vector))[2, 1] / 2
    torch.testing.assert_close(skew, vector[0] * math.sin(length) / length, rtol=1e-6, atol=1e-15)


@given(axes, small)
def test_single_precision_derivative_does_not_cancel(seed, length):
    """1 - cos of a small angle is zero in float32; the derivative must not notice."""
    vector = rotation_vector(seed, length)
    exact = torch.autograd.functional.jacobian(axis_angle_to_matrix, vector)
    found = torch.autograd.functional.jacobian(axis_angle_to_matrix, vector.float())
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=2e-6)
    pair = torch.stack([vector.float(), -vector.float()])
    assert torch.equal(axis_angle_to_matrix(pair)[:1], axis_angle_to_matrix(pair[:1]))  # whatever the batch


def test_derivative_at_zero_is_that_of_the_generators():
    jacobian = torch.autograd.functional.jacobian(axis_angle_to_matrix, torch.zeros(3))
    expected = torch.zeros(3, 3, 3)
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        expected[j, i, k], expected[i, j, k] = 1.0, -1.0
    torch.testing.assert_close(jacobian, expected, rtol=0, atol=0)


@given(axes, st.floats(0, 2 * math.pi))
def test_vector_of_a_matrix_against_scipy(seed, length):
    rotation = Rotation.from_rotvec(rotation_vector(seed, length).numpy())
    found = matrix_to_axis_angle(torch.from_numpy(rotation.as_matrix())).numpy()
    assert np.linalg.norm(found) <= math.pi + 1e-12
    assert (Rotation.from_rotvec(found) * rotation.inv()).magnitude() < 1e-6


@pytest.mark.parametrize("axis", np.eye(3).tolist() + [[1, 1, 0], [-1, 1, 1], [0, -1, -1]])
def test_half_turns(axis):
    vector = torch.nn.functional.normalize(torch.tensor(axis, dtype=torch.float64), dim=0) * math.pi
    matrix = torch.from_numpy(Rotation.from_rotvec(vector.numpy()).as_matrix())
    found = matrix_to_axis_angle(matrix)
    assert float(found.norm()) == pytest.approx(math.pi, abs=1e-7)
    assert min(float((found - vector).norm()), float((found + vector).norm())) < 1e-6


def test_leading_dimensions_are_kept():
    vector = torch.randn(2, 4, 3)
    matrix = axis_angle_to_matrix(vector)
    assert matrix.shape == (2, 4, 3, 3) and matrix_to_axis_angle(matrix).shape == (2, 4, 3)
    assert random_rotations(torch.randn(5, 2, 4)).shape == (5, 2, 3, 3)
    assert torch.equal(matrix[1, 2], axis_angle_to_matrix(vector[1, 2]))


@given(axes)
def test_quaternions_against_scipy(seed):
    w, x, y, z = numbers = torch.randn(4, generator=torch.Generator().manual_seed(seed)).double().numpy()
    expected = Rotation.from_quat([x, y, z, w]).as_matrix()
    np.testing.assert_allclose(random_rotations(torch.from_numpy(numbers)).numpy(), expected, atol=1e-12)
