"""Search boxes: the whole receptor, or around the crystal ligand."""

from __future__ import annotations

import numpy as np

from disco_dock.chem.receptor import Receptor
from disco_dock.docking.pocket import DEFAULT_RADIUS, Pocket
from disco_dock.docking.vina_box_file import Box

POCKET_SIZE = 25.0  # Angstrom, edge of the pocket box
POCKET_MARGIN = 5.0  # Angstrom around a ligand that is longer than the box
BLIND_MARGIN = 5.0  # Angstrom around the receptor's atoms


def blind_box(receptor: Receptor) -> Box:
    """The box around all of the receptor."""
    low, high = receptor.atom_pos.min(0) - BLIND_MARGIN, receptor.atom_pos.max(0) + BLIND_MARGIN
    return Box((low + high) / 2, high - low)


def pocket_box(crystal: np.ndarray) -> Box:
    """A box of 25 Angstrom on the crystal ligand (atoms, 3), longer where the ligand would touch its walls.

    Source: Buttenschoen et al., Chem. Sci. 2024, 15, 3130.
    """
    low, high = crystal.min(0), crystal.max(0)
    return Box((low + high) / 2, np.maximum(POCKET_SIZE, high - low + 2 * POCKET_MARGIN))


def pocket_sphere(crystal: np.ndarray) -> Pocket:
    """The sphere that holds the centroid when the networks are told only the centre of the pocket box."""
    return Pocket(center=pocket_box(crystal).center, radius=DEFAULT_RADIUS)
