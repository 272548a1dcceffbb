"""Torsions of branched ligands, as rotations that scipy knows, and of molecules without shape."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from disco_dock.geometry.torsion import TorsionTopology, apply_torsions, dihedrals

seeds = st.integers(0, 10_000)
#   0-1-2-3-4 with branches 5 on atom 1, 6 on 2 and 7-8 on 3
BONDS = [(0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (2, 6), (3, 7), (7, 8)]
AXES = [(1, 2), (3, 2), (3, 7)]  # (held, moved): the second turns the near side of its bond
SIDES = [{2, 3, 4, 6, 7, 8}, {0, 1, 2, 5, 6}, {7, 8}]


def topology(batch):
    moved = torch.tensor([[atom in side for atom in range(9)] for side in SIDES])
    return TorsionTopology(torch.tensor(AXES).expand(batch, 3, 2), moved.expand(batch, 3, 9))


def normal(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(seeds)
def test_turns_are_scipys_one_after_another(seed):
    pos, angles = normal(seed, 1, 9, 3), normal(seed + 1, 1, 3)
    expected = pos[0].numpy().copy()
    for (held, moved), side, angle in zip(AXES, SIDES, angles[0].tolist(), strict=True):
        axis = expected[held] - expected[moved]
        turn = Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle)
        atoms = sorted(side)
        expected[atoms] = turn.apply(expected[atoms] - expected[moved]) + expected[moved]
    np.testing.assert_allclose(apply_torsions(pos, topology(1), angles)[0].numpy(), expected, atol=1e-10)


@given(seeds)
def test_bonds_and_angles_are_kept_and_the_way_back_exists(seed):
    pos, angles = normal(seed, 2, 9, 3), 3 * normal(seed + 1, 2, 3)
    turned = apply_torsions(pos, topology(2), angles)
    first, second = torch.tensor(BONDS).T
    for value in ((first, second), (torch.tensor([0, 5, 0, 6, 4]), torch.tensor([5, 2, 2, 3, 7]))):  # 1-2 and 1-3
        before, after = ((p[:, value[0]] - p[:, value[1]]).norm(dim=-1) for p in (pos, turned))
        torch.testing.assert_close(after, before, rtol=1e-9, atol=1e-9)
    back = TorsionTopology(*(part.flip(1) for part in topology(2)))
    torch.testing.assert_close(apply_torsions(turned, back, -angles.flip(1)), pos, rtol=0, atol=1e-8)


@given(seeds)
def test_whole_turns_change_nothing_and_turns_add_up(seed):
    pos, angle = normal(seed, 1, 9, 3), normal(seed + 1, 1, 1)
    one = TorsionTopology(*(part[:, :1] for part in topology(1)))
    torch.testing.assert_close(apply_torsions(pos, one, angle + 2 * math.pi), apply_torsions(pos, one, angle))
    twice = apply_torsions(apply_torsions(pos, one, angle), one, angle)
    torch.testing.assert_close(twice, apply_torsions(pos, one, 2 * angle))


@given(seeds)
def test_rows_do_not_depend_on_each_other_and_nothing_is_changed_in_place(seed):
    pos, angles = normal(seed, 3, 9, 3), normal(seed + 1, 3, 3)
    before = pos.clone()
    together = apply_torsions(pos, topology(3), angles)
    assert torch.equal(pos, before)
    for row in range(3):
        alone = apply_torsions(pos[row : row + 1], topology(1), angles[row : row + 1])
        assert torch.equal(alone[0], together[row])


def test_dihedrals_of_known_shapes():
    corner = torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 0, 1.0]])
    for degrees in (-179, -90, -30, 0, 45, 120, 180):
        angle = math.radians(degrees)
        last = torch.tensor([[math.cos(angle), math.sin(angle), 1.0]])
        found = float(dihedrals(torch.cat([corner, last])[None].double(), torch.tensor([[[0, 1, 2, 3]]])))
        assert abs(math.remainder(found - angle, 2 * math.pi)) < 1e-6


def test_atoms_in_one_place_give_no_nan():
    pos = torch.zeros(1, 9, 3, requires_grad=True)
    turned = apply_torsions(pos, topology(1), torch.ones(1, 3))
    assert torch.equal(turned, torch.zeros(1, 9, 3))
    (gradient,) = torch.autograd.grad(turned.sum(), pos)
    assert torch.isfinite(gradient).all()
    assert torch.isfinite(dihedrals(pos, torch.tensor([[[0, 1, 2, 3]]]))).all()
