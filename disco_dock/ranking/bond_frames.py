"""Where the bonds of an atom point, and the plane that they lie in: what hydrogen bonds and stacking depend on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rdkit import Chem
from scipy.spatial import KDTree

RADII = {"C": 0.8, "N": 0.8, "O": 0.8, "F": 0.8, "B": 0.85, **dict.fromkeys(("S", "P", "Cl", "Br", "Se", "Si"), 1.05)}
"""Covalent radii in Angstrom; other atoms, metals among them, have no bonds here."""
ALLOWANCE = 0.15  # Angstrom on the sum of two radii
FLAT = 0.3  # Angstrom of an atom from the mean of its partners, below which its bonds point nowhere
LARGEST = 2 * 1.05 + ALLOWANCE


class Frames(NamedTuple):
    """Unit vectors of atoms; zero where there is none.

    Attributes:
        direction: (atoms, 3) from the mean of the bonded partners to the atom: where lone pairs and hydrogens are.
        normal: (atoms, 3) of the plane of an atom with flat bonds; its sign means nothing.
    """

    direction: np.ndarray
    normal: np.ndarray


def frames(pos: np.ndarray, elements: Sequence[str]) -> Frames:
    """Frames of the heavy atoms of a receptor, whose bonds are found by distance.

    A plane has an atom with three bonds in it or with two bonds; one with a single bond has that of its partner.

    Args:
        pos: (atoms, 3) Angstrom.
        elements: symbol of each atom, such as "Cl".
    """
    radii = np.array([RADII.get(element, -np.inf) for element in elements])
    pairs = KDTree(pos).query_pairs(LARGEST, output_type="ndarray")
    length = np.linalg.norm(pos[pairs[:, 0]] - pos[pairs[:, 1]], axis=1)
    bonds = pairs[length < radii[pairs].sum(1) + ALLOWANCE]
    ends = np.concatenate([bonds, bonds[:, ::-1]])
    ends = ends[np.lexsort((ends[:, 1], ends[:, 0]))]
    count = np.bincount(ends[:, 0], minlength=len(pos))
    first = np.cumsum(count) - count
    total = np.zeros_like(pos)
    np.add.at(total, ends[:, 0], pos[ends[:, 1]])
    direction = _unit(np.where(count[:, None] > 0, pos - total / np.maximum(count, 1)[:, None], 0.0), FLAT)
    normal = np.zeros_like(pos)
    flat = (count == 2) | ((count == 3) & ~direction.any(1))
    own = np.flatnonzero(flat)
    one, other = ends[first[own], 1], ends[first[own] + 1, 1]
    normal[own] = _unit(np.cross(pos[one] - pos[own], pos[other] - pos[own]), 1e-3)
    alone = np.flatnonzero(count == 1)
    normal[alone] = normal[ends[first[alone], 1]]
    return Frames(direction, normal)


def ligand_directions(mol: Chem.Mol, pos: np.ndarray) -> np.ndarray:
    """(poses, atoms, 3) unit vectors from the mean of an atom's bonded partners to it; zero where there is none.

    Args:
        mol: without explicit hydrogens.
        pos: (poses, atoms, 3) Angstrom.
    """
    bonded = Chem.GetAdjacencyMatrix(mol).astype(float)
    count = bonded.sum(1)
    mean = np.einsum("ij,pjx->pix", bonded / np.maximum(count, 1)[:, None], pos)
    return _unit(np.where(count[:, None] > 0, pos - mean, 0.0), FLAT)


def _unit(vectors: np.ndarray, shortest: float) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > shortest, vectors / np.maximum(length, 1e-12), 0.0)
