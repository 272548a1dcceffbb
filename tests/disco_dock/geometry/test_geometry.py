"""Rotations, superposition and torsions: exact answers, inverses, degenerate cases, published values."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from disco_dock.geometry.rigid import centroid, kabsch, superpose
from disco_dock.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle, random_rotations
from disco_dock.geometry.torsion import TorsionTopology, apply_torsions, dihedrals
from tests.support.golden import load_golden

seeds = st.integers(0, 10_000)


def draws(seed):
    return torch.Generator().manual_seed(seed)


def normal(seed, *shape):
    return torch.randn(*shape, generator=draws(seed), dtype=torch.float64)


@given(seeds, st.floats(0, 3.1))
def test_rotation_vectors_against_scipy(seed, length):
    vector = torch.nn.functional.normalize(normal(seed, 3), dim=0) * length
    matrix = axis_angle_to_matrix(vector)
    expected = torch.from_numpy(Rotation.from_rotvec(vector.numpy()).as_matrix())
    torch.testing.assert_close(matrix, expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(matrix_to_axis_angle(matrix), vector, atol=1e-7, rtol=0)


@given(seeds, st.floats(3.1, math.pi))
def test_rotation_vectors_near_pi(seed, length):
    vector = torch.nn.functional.normalize(normal(seed, 3), dim=0) * length
    again = axis_angle_to_matrix(matrix_to_axis_angle(axis_angle_to_matrix(vector)))
    torch.testing.assert_close(again, axis_angle_to_matrix(vector), atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [0.0, 1e-9, 1e-4, 1e-3])
def test_small_rotations_have_finite_gradients(size):
    vector = torch.tensor([size, 0.0, 0.0], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(axis_angle_to_matrix(vector)[2, 1], vector)
    assert float(gradient[0]) == pytest.approx(math.cos(size), abs=1e-6)
    assert torch.autograd.gradcheck(axis_angle_to_matrix, normal(0, 2, 3).requires_grad_())


def test_random_rotations_are_uniform():
    matrix = random_rotations(torch.randn(20_000, 4, generator=draws(0)))
    torch.testing.assert_close(matrix @ matrix.transpose(1, 2), torch.eye(3).expand(20_000, 3, 3), atol=1e-5, rtol=0)
    assert float(torch.linalg.det(matrix).min()) > 0.999
    assert float(matrix.mean(0).abs().max()) < 0.02
    angle = matrix_to_axis_angle(matrix).norm(dim=-1)  # density (1 - cos) / pi
    assert float(angle.mean()) == pytest.approx(math.pi / 2 + 2 / math.pi, abs=0.02)


@given(seeds)
def test_kabsch_undoes_a_rigid_motion(seed):
    pos, shift = normal(seed, 2, 7, 3), normal(seed + 1, 2, 3)
    rotation = random_rotations(normal(seed + 2, 2, 4))
    target = pos @ rotation.transpose(1, 2) + shift[:, None]
    found, offset = kabsch(pos, target)
    torch.testing.assert_close(found, rotation, atol=1e-9, rtol=0)
    torch.testing.assert_close(offset, shift, atol=1e-9, rtol=0)


@given(seeds)
def test_superposition_is_optimal_and_ignores_padding(seed):
    pos, target = normal(seed, 1, 6, 3), normal(seed + 1, 1, 6, 3)
    mask = torch.tensor([[True] * 5 + [False]])
    best = (superpose(pos, target, mask) - target)[:, :5].square().sum()
    alone = (superpose(pos[:, :5], target[:, :5]) - target[:, :5]).square().sum()
    assert float(best) == pytest.approx(float(alone), rel=1e-9)
    moved = superpose(pos, target, mask) @ axis_angle_to_matrix(0.02 * normal(seed + 2, 3)).T
    assert float((moved - target)[:, :5].square().sum()) >= float(best) - 1e-9


@pytest.mark.parametrize("atoms", [1, 2, 3])
def test_degenerate_molecules_keep_proper_rotations(atoms):
    line = torch.arange(atoms, dtype=torch.float64)[None, :, None] * torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    target = line @ axis_angle_to_matrix(normal(3, 3)).T + 2
    rotation, _ = kabsch(line, target)
    assert float(torch.linalg.det(rotation)) == pytest.approx(1.0, abs=1e-9)
    torch.testing.assert_close(superpose(line, target), target, atol=1e-9, rtol=0)


def test_mirror_image_is_not_a_rotation():
    pos = normal(0, 1, 6, 3)
    assert float(torch.linalg.det(kabsch(pos, pos * torch.tensor([1.0, 1.0, -1.0]))[0])) == pytest.approx(1.0)


def test_centroid_ignores_padding():
    pos = torch.tensor([[[0.0, 0, 0], [2.0, 0, 0], [99.0, 0, 0]]])
    assert centroid(pos, torch.tensor([[True, True, False]])).tolist() == [[1.0, 0.0, 0.0]]


def chain(batch, atoms=7):
    """Topology of a chain with three rotatable bonds and one padded slot."""
    held = torch.tensor([1, 2, 3])
    bonds = torch.stack([held, held + 1], 1)
    moved = torch.arange(atoms)[None] > held[:, None]
    bonds = torch.cat([bonds, torch.zeros(1, 2, dtype=torch.long)])
    moved = torch.cat([moved, torch.zeros(1, atoms, dtype=torch.bool)])
    return TorsionTopology(bonds.expand(batch, 4, 2), moved.expand(batch, 4, atoms))


@given(seeds)
def test_torsions_are_undone_in_reverse_order(seed):
    pos, angles, topology = normal(seed, 2, 7, 3), normal(seed + 1, 2, 4), chain(2)
    turned = apply_torsions(pos, topology, angles)
    back = TorsionTopology(topology.bonds.flip(1), topology.moved.flip(1))
    torch.testing.assert_close(apply_torsions(turned, back, -angles.flip(1)), pos, atol=1e-8, rtol=0)
    bond = (pos[:, 1:] - pos[:, :-1]).norm(dim=-1)
    torch.testing.assert_close((turned[:, 1:] - turned[:, :-1]).norm(dim=-1), bond, atol=1e-9, rtol=0)
    torch.testing.assert_close(turned[:, :3], pos[:, :3])  # the held end of the first bond does not move


@given(seeds)
def test_each_dihedral_changes_by_its_angle(seed):
    pos, angles = normal(seed, 1, 7, 3), normal(seed + 1, 1, 4)
    quads = torch.tensor([[[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5]]])
    change = dihedrals(apply_torsions(pos, chain(1), angles), quads) - dihedrals(pos, quads)
    expected = -angles[:, :3]  # a right-hand turn of the far side about the axis towards the held atom
    difference = torch.remainder(change - expected + math.pi, 2 * math.pi) - math.pi
    assert float(difference.abs().max()) < 1e-6


def test_mirror_image_turns_dihedrals_around():
    pos, quads = normal(1, 1, 4, 3), torch.tensor([[[0, 1, 2, 3]]])
    mirrored = pos * torch.tensor([1.0, 1.0, -1.0])
    torch.testing.assert_close(dihedrals(mirrored, quads), -dihedrals(pos, quads))


def test_torsions_are_differentiable():
    pos, topology = normal(0, 1, 7, 3), chain(1)
    assert torch.autograd.gradcheck(
        lambda angles: apply_torsions(pos, topology, angles), normal(1, 1, 4).requires_grad_()
    )


def test_published_rotation_matrices():
    data = load_golden("geometry.npz")
    found = axis_angle_to_matrix(torch.from_numpy(data["axis_angle"]))
    torch.testing.assert_close(found, torch.from_numpy(data["axis_angle_matrix"]), atol=1e-6, rtol=0)
