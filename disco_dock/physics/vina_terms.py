"""Numbers of the AutoDock Vina scoring function and what it knows of an atom.

Source: Trott & Olson, J. Comput. Chem. 2010, 31, 455 (terms, weights); radii of X-Score (Wang et al. 2002) as Vina has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

HYDROPHOBIC, DONOR, ACCEPTOR = 1, 2, 4
"""Bits of an atom's kind."""

RADII = {
    **{"C": 1.9, "N": 1.8, "O": 1.7, "S": 2.0, "P": 2.1, "F": 1.5, "Cl": 1.8, "Br": 2.0, "I": 2.2, "Si": 2.2},
    **{"Se": 2.0, "B": 1.9},  # selenium as sulfur; boron, which Vina does not know, as carbon
}
METAL_RADIUS = 1.2
HALOGENS = frozenset({"F", "Cl", "Br", "I"})


@dataclass(frozen=True, kw_only=True, slots=True)
class VinaTerms:
    """Weights in kcal/mol, and shapes in Angstrom between surfaces.

    Attributes:
        gauss1: weight of the contact term.
        gauss2: weight of the broad attraction.
        repulsion: weight of the squared overlap.
        hydrophobic: weight of contacts of two hydrophobic atoms.
        hydrogen_bond: weight of a donor next to an acceptor.
        gauss1_width: of the first Gaussian, around 0.
        gauss2_centre: of the second Gaussian.
        gauss2_width: of it.
        hydrophobic_good: below it the hydrophobic term is whole.
        hydrophobic_bad: above it there is none.
        bond_good: below it the hydrogen bond is whole.
        bond_bad: above it there is none.
        cutoff: between centres, beyond which nothing is felt.
        rotor: of each rotor in 1 + rotor * rotors, by which the energy is divided.
    """

    gauss1: float = -0.035579
    gauss2: float = -0.005156
    repulsion: float = 0.840245
    hydrophobic: float = -0.035069
    hydrogen_bond: float = -0.587439
    gauss1_width: float = 0.5
    gauss2_centre: float = 3.0
    gauss2_width: float = 2.0
    hydrophobic_good: float = 0.5
    hydrophobic_bad: float = 1.5
    bond_good: float = -0.7
    bond_bad: float = 0.0
    cutoff: float = 8.0
    rotor: float = 0.05846


VINA = VinaTerms()


class VinaAtoms(NamedTuple):
    """Heavy atoms as Vina sees them.

    Attributes:
        radius: (atoms,) float32 in Angstrom.
        kind: (atoms,) int32 bits HYDROPHOBIC, DONOR, ACCEPTOR.
    """

    radius: np.ndarray
    kind: np.ndarray


def element_radius(element: str) -> float:
    """Radius of an element in Angstrom; every element that is not in the table counts as a metal."""
    return RADII.get(element, METAL_RADIUS)
