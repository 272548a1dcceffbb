"""A receptor as Vina sees it: heavy atoms of residues, metals, ions and cofactors with their kinds.

Kinds follow from residue and atom names at neutral pH. Without hydrogens in the file the tautomer of histidine is not
known, and each of its nitrogens may donate or accept; with them, whatever bears one donates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from disco_dock.chem.receptor import Receptor
from disco_dock.chem.residue_features import STANDARD
from disco_dock.chem.structures.named_atoms import named_atoms
from disco_dock.physics.vina_terms import ACCEPTOR, DONOR, HALOGENS, HYDROPHOBIC, RADII, VinaAtoms, element_radius

BOND_ALLOWANCE = 1.1  # bonded when closer than this times the sum of covalent radii (Vina)
COVALENT_RADII = {"C": 0.77, "N": 0.75, "O": 0.73, "P": 1.06, "S": 1.02, "F": 0.71, "Cl": 0.99, "Br": 1.14, "I": 1.33}
OTHER_COVALENT_RADIUS = 1.3  # Angstrom, of metals
HYDROGEN_BOND_LENGTH = 1.25  # Angstrom, generous
CARBONYL = 1.3  # Angstrom, longest C=O; an oxygen at the end of a longer bond bears a hydrogen
DONORS = frozenset(
    {
        *(("ARG", name) for name in ("NE", "NH1", "NH2")),
        *(("SER", "OG"), ("THR", "OG1"), ("TYR", "OH"), ("LYS", "NZ"), ("TRP", "NE1"), ("ASN", "ND2"), ("GLN", "NE2")),
        *((name, atom) for name in ("HIS", "HIP") for atom in ("ND1", "NE2")),
        *(("HID", "ND1"), ("HIE", "NE2")),
    }
)
ACCEPTING_NITROGENS = frozenset({("HIS", "ND1"), ("HIS", "NE2"), ("HID", "NE2"), ("HIE", "ND1")})
KNOWN = frozenset({name for name, _ in DONORS} | set(STANDARD))
"""Residues whose atoms are known by name."""


class VinaReceptor(NamedTuple):
    """Heavy atoms: positions (atoms, 3) float64 in Angstrom, and kinds."""

    pos: np.ndarray
    atoms: VinaAtoms


def vina_receptor(receptor: Receptor) -> VinaReceptor:
    """The heavy atoms of `named_atoms` with their kinds."""
    pos, elements, names, hydrogen, _ = named_atoms(receptor)
    heavy = np.flatnonzero(~hydrogen)
    bonds = _Bonds(pos[heavy], elements[heavy].tolist())
    bears = _bear_hydrogen(pos[heavy], elements[heavy], pos[hydrogen])
    bonding = [_bonding(names[atom], bonds, place, bears) for place, atom in enumerate(heavy.tolist())]
    donates, accepts = np.array(bonding, dtype=bool).reshape(-1, 2).T
    return _receptor(pos[heavy], bonds, donates, accepts)


def receptor_of(pos: np.ndarray, elements: Sequence[str], donates: np.ndarray, accepts: np.ndarray) -> VinaReceptor:
    """A receptor of heavy atoms whose nitrogens and oxygens are known to donate or accept hydrogen bonds.

    Args:
        pos: (atoms, 3) Angstrom.
        elements: symbol of each atom.
        donates: (atoms,) bool.
        accepts: (atoms,) bool.
    """
    return _receptor(pos, _Bonds(pos, list(elements)), donates, accepts)


def _receptor(pos: np.ndarray, bonds: _Bonds, donates: np.ndarray, accepts: np.ndarray) -> VinaReceptor:
    kinds = np.zeros(len(pos), dtype=np.int32)
    for atom, element in enumerate(bonds.elements):
        if element == "C":
            kinds[atom] = HYDROPHOBIC * all(other == "C" for other, _ in bonds.to(atom))
        elif element in HALOGENS:
            kinds[atom] = HYDROPHOBIC
        elif element in ("N", "O"):
            kinds[atom] = DONOR * donates[atom] | ACCEPTOR * accepts[atom]
        elif element not in RADII:
            kinds[atom] = DONOR  # a metal
    radii = np.array([element_radius(element) for element in bonds.elements], dtype=np.float32)
    return VinaReceptor(pos, VinaAtoms(radii, kinds))


class _Bonds:
    """Bonds of heavy atoms, found by distance."""

    def __init__(self, pos: np.ndarray, elements: list[str]) -> None:
        self.elements = elements
        radii = np.array([COVALENT_RADII.get(element, OTHER_COVALENT_RADIUS) for element in elements])
        tree = KDTree(pos)
        near = tree.query_pairs(2 * BOND_ALLOWANCE * OTHER_COVALENT_RADIUS, output_type="ndarray")
        length = np.linalg.norm(pos[near[:, 0]] - pos[near[:, 1]], axis=1)
        bonded = length < BOND_ALLOWANCE * radii[near].sum(1)
        self.partners: list[list[tuple[int, float]]] = [[] for _ in elements]
        for (a, b), distance in zip(near[bonded].tolist(), length[bonded].tolist(), strict=True):
            self.partners[a].append((b, distance))
            self.partners[b].append((a, distance))

    def to(self, atom: int) -> list[tuple[str, float]]:
        """Elements and distances of an atom's partners."""
        return [(self.elements[other], distance) for other, distance in self.partners[atom]]


def _bear_hydrogen(pos: np.ndarray, elements: np.ndarray, hydrogens: np.ndarray) -> np.ndarray | None:
    """Which atoms bear a hydrogen, or None for a file without polar hydrogens."""
    if not len(hydrogens):
        return None
    distance, _ = KDTree(hydrogens).query(pos, distance_upper_bound=HYDROGEN_BOND_LENGTH)
    bears = np.isfinite(distance)
    return bears if bears[np.isin(elements, ("N", "O"))].any() else None


def _bonding(name: tuple[str, str], bonds: _Bonds, atom: int, bears: np.ndarray | None) -> tuple[bool, bool]:
    """Whether an atom donates and accepts, by its residue's name and its own, its bonds, and the file's hydrogens."""
    element, partners = bonds.elements[atom], bonds.to(atom)
    if element not in ("N", "O"):
        return False, False
    residue, own = name
    known = residue in KNOWN
    if known and own == "N":
        donates, accepts = residue != "PRO" or len(partners) < 3, False
    elif known:
        donates, accepts = name in DONORS, element == "O" or name in ACCEPTING_NITROGENS
    elif element == "O":
        donates, accepts = len(partners) == 1 and partners[0][0] == "C" and partners[0][1] > CARBONYL, True
    else:
        donates = accepts = len(partners) < 3
    if bears is not None:
        donates = bool(bears[atom])
        accepts = element == "O" or (accepts and not donates)
    return donates, accepts
