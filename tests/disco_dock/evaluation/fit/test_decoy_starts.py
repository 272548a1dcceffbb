"""Where poses elsewhere start: free, buried places of the receptor, apart from each other and from the crystal pose."""

from __future__ import annotations

import numpy as np

from disco_dock.evaluation.fit.decoy_starts import PROBE_CLASH, SITE_GAP, other_sites


def slab(rng, hole):
    """Atoms of a block of 24 Angstrom with a round hole of 7 Angstrom."""
    atoms = rng.uniform(-12, 12, (1500, 3))
    return atoms[np.linalg.norm(atoms - hole, axis=1) > 7.0]


def test_sites_are_free_apart_and_away_from_the_crystal_pose():
    rng = np.random.default_rng(0)
    atoms, crystal = slab(rng, np.zeros(3)), np.array([12.0, 0.0, 0.0])
    sites = other_sites(atoms, crystal, 10, np.random.default_rng(1))
    assert 0 < len(sites) <= 10
    assert np.linalg.norm(sites[:, None] - atoms, axis=-1).min() >= PROBE_CLASH
    everything = np.concatenate([sites, crystal[None]])
    gaps = np.linalg.norm(everything[:, None] - everything, axis=-1) + 1e3 * np.eye(len(everything))
    assert gaps.min() >= SITE_GAP
    again = other_sites(atoms, crystal, 10, np.random.default_rng(1))
    np.testing.assert_array_equal(sites, again)


def test_the_most_buried_place_comes_first_unless_the_crystal_pose_is_there():
    atoms = slab(np.random.default_rng(0), np.zeros(3))
    first = other_sites(atoms, np.full(3, 50.0), 1, np.random.default_rng(1))
    assert np.linalg.norm(first) < 5  # in the hole
    taken = other_sites(atoms, np.zeros(3), 1, np.random.default_rng(1))
    assert np.linalg.norm(taken) >= SITE_GAP


def test_no_place_is_no_error():
    assert other_sites(np.zeros((1, 3)), np.zeros(3), 0, np.random.default_rng(0)).shape == (0, 3)
    crowded = np.stack(np.meshgrid(*[np.arange(-3, 4) * 1.0] * 3), -1).reshape(-1, 3)
    inside = other_sites(crowded * 3, np.zeros(3), 5, np.random.default_rng(0))
    assert inside.shape[1] == 3
