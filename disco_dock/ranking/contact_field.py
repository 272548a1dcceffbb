"""Receptor atoms near the atoms of poses: their classes, and the angles under which they are seen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.receptor import Receptor
from disco_dock.chem.structures.named_atoms import named_atoms
from disco_dock.physics.vina_receptor import VinaReceptor
from disco_dock.ranking.bond_frames import frames, ligand_directions
from disco_dock.ranking.contact_atoms import NO_CLASS, RECEPTOR_CLASSES, receptor_classes


class NearAtoms(NamedTuple):
    """Pairs of an atom of a pose and a receptor atom, by pose and atom; P poses, L atoms.

    Attributes:
        first: (P * L,) int64 first pair of each atom of each pose.
        receptor_class: (pairs,) int64.
        distance: (pairs,) float64 in Angstrom.
        angles: (pairs, 3): the cosine between the line to the ligand atom and where the receptor atom's bonds
            point; the squared cosine to the normal of its plane, less a third; the cosine between the line to the
            receptor atom and where the ligand atom's bonds point. Zero where there is no direction.
    """

    first: np.ndarray
    receptor_class: np.ndarray
    distance: np.ndarray
    angles: np.ndarray


class ContactField:
    """A receptor prepared for the contact score, shared by all ligands that are docked into it.

    Args:
        receptor: with its atoms.
        atoms: its Vina atom types.
    """

    def __init__(self, receptor: Receptor, atoms: VinaReceptor) -> None:
        named = named_atoms(receptor)
        classes = receptor_classes(receptor, atoms.atoms.kind)
        known = classes != NO_CLASS
        direction, normal = frames(atoms.pos, named.elements[~named.hydrogen].tolist())
        self._classes, self._pos, self._tree = classes[known], atoms.pos[known], KDTree(atoms.pos[known])
        self._direction, self._normal = direction[known], normal[known]

    def near(self, ligand: Ligand, pos: np.ndarray, cutoff: float, classes: int = len(RECEPTOR_CLASSES)) -> NearAtoms:
        """The pairs closer than a cutoff in Angstrom.

        Args:
            ligand: of L heavy atoms.
            pos: (P, L, 3) Angstrom in the receptor's frame.
            cutoff: Angstrom.
            classes: how many a score knows; atoms of the others are not there for it.
        """
        flat = pos.reshape(-1, 3)
        pairs = KDTree(flat).sparse_distance_matrix(self._tree, cutoff, output_type="ndarray")
        pairs = pairs[self._classes[pairs["j"]] < classes]
        pairs = pairs[np.lexsort((pairs["j"], pairs["i"]))]  # the last bits of the sums depend on the order
        first = np.searchsorted(pairs["i"], np.arange(len(flat)))
        own, other, distance = pairs["i"], pairs["j"], pairs["v"]
        line = (flat[own] - self._pos[other]) / np.maximum(distance, 1e-6)[:, None]
        normal, bonds = self._normal[other], ligand_directions(ligand.mol, pos).reshape(-1, 3)[own]
        flatness = np.where(normal.any(1), (normal * line).sum(1) ** 2 - 1 / 3, 0.0)
        angles = np.stack([(self._direction[other] * line).sum(1), flatness, -(bonds * line).sum(1)], axis=1)
        return NearAtoms(first, self._classes[other], distance, angles)
