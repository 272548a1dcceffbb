"""Receptor atoms near the atoms of poses, and their classes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from disco_dock.chem.receptor import Receptor
from disco_dock.physics.vina_receptor import VinaReceptor
from disco_dock.ranking.contact_atoms import NO_CLASS, RECEPTOR_CLASSES, receptor_classes


class NearAtoms(NamedTuple):
    """Pairs of an atom of a pose and a receptor atom, by pose and atom; P poses, L atoms.

    Attributes:
        first: (P * L,) int64 first pair of each atom of each pose.
        receptor_class: (pairs,) int64.
        distance: (pairs,) float64 in Angstrom.
    """

    first: np.ndarray
    receptor_class: np.ndarray
    distance: np.ndarray


class ContactField:
    """A receptor prepared for the contact score, shared by all ligands that are docked into it.

    Args:
        receptor: with its atoms.
        atoms: its Vina atom types.
    """

    def __init__(self, receptor: Receptor, atoms: VinaReceptor) -> None:
        classes = receptor_classes(receptor, atoms.atoms.kind)
        known = classes != NO_CLASS
        self._classes, self._tree = classes[known], KDTree(atoms.pos[known])

    def near(self, pos: np.ndarray, cutoff: float, classes: int = len(RECEPTOR_CLASSES)) -> NearAtoms:
        """The pairs closer than a cutoff in Angstrom.

        Args:
            pos: (P, L, 3) Angstrom in the receptor's frame.
            cutoff: Angstrom.
            classes: how many a score knows; atoms of the others are not there for it.
        """
        atoms = KDTree(pos.reshape(-1, 3))
        pairs = atoms.sparse_distance_matrix(self._tree, cutoff, output_type="ndarray")
        pairs = pairs[self._classes[pairs["j"]] < classes]
        pairs = pairs[np.lexsort((pairs["j"], pairs["i"]))]  # the last bits of the sums depend on the order
        first = np.searchsorted(pairs["i"], np.arange(pos.shape[0] * pos.shape[1]))
        return NearAtoms(first, self._classes[pairs["j"]], pairs["v"])
