"""Where in a pocket a ligand has room."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from disco_dock.physics.search_settings import Sphere

CLEARANCE, CONTACT = 3.0, 6.0
"""Angstrom from the nearest heavy atom of the receptor: less is inside it, more is not at its surface."""
PROBES = 4000


def free_points(atoms: np.ndarray, sphere: Sphere, seed: int) -> np.ndarray:
    """(N, 3) random points of a sphere that lie in free space at the receptor's surface; none where it has no room.

    Args:
        atoms: (atoms, 3) heavy atoms of the receptor, Angstrom.
        sphere: the pocket.
        seed: of the points.
    """
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(PROBES, 3))
    points *= sphere.radius * rng.random((PROBES, 1)) ** (1 / 3) / np.linalg.norm(points, axis=1, keepdims=True)
    points += sphere.center
    distance, _ = KDTree(atoms).query(points, distance_upper_bound=CONTACT)
    return points[(distance > CLEARANCE) & np.isfinite(distance)]
