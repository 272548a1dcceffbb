"""Packing of coordinates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.screening.ledger.coordinates import GRID, digest, pack, unpack


@given(st.integers(1, 6), st.integers(1, 60), st.integers(0, 2**32 - 1), st.sampled_from([1.0, 30.0, 1e4]))
def test_coordinates_come_back_to_half_a_grid_step(poses, atoms, seed, spread):
    pos = np.random.default_rng(seed).normal(size=(poses, atoms, 3)) * spread
    again = unpack(pack(pos), poses, atoms)
    assert again.shape == pos.shape
    assert np.abs(again - pos).max() <= GRID / 2 + 1e-9


def test_three_poses_of_a_drug_fit_into_600_bytes():
    walk = np.random.default_rng(0).normal(size=(3, 25, 3)).cumsum(1) * 0.87  # bonds of about 1.5 Angstrom
    assert len(pack(walk)) < 600


def test_damage_is_found():
    data = pack(np.random.default_rng(0).normal(size=(2, 20, 3)))
    for at in range(1, len(data), 7):
        with pytest.raises(ValueError, match="damaged"):
            unpack(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :], 2, 20)
    with pytest.raises(ValueError, match="do not fit"):
        unpack(data, 2, 21)


def test_digest_sees_the_last_bit():
    pos = np.ones((1, 3, 3))
    other = pos.copy()
    other[0, 2, 2] = np.nextafter(1.0, 2.0)
    assert digest(pos) != digest(other)
    assert digest(pos) == digest(pos.copy())
