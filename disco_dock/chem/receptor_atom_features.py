"""Categorical features of a receptor's heavy atoms, in the published vocabularies.

Source: the published all-atom featurisation of DiffDock (arXiv:2210.01776): residue type, element, class and name.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from rdkit import Chem

from disco_dock.chem.receptor import Receptor
from disco_dock.chem.residue_features import RESIDUE_TYPES

NUM_ELEMENTS = 119
"""Atomic numbers 1 to 118, then one value for anything else."""

ATOM_CLASSES = (
    *("C*", "CA", "CB", "CD", "CE", "CG", "CH", "CZ", "N*", "ND", "NE", "NH", "NZ"),
    *("O*", "OD", "OE", "OG", "OH", "OX", "S*", "SD", "SG", "misc"),
)
"""First two characters of an atom's name, filled up with a star."""

ATOM_NAMES = (
    *("C", "CA", "CB", "CD", "CD1", "CD2", "CE", "CE1", "CE2", "CE3", "CG", "CG1", "CG2", "CH2", "CZ", "CZ2", "CZ3"),
    *("N", "ND1", "ND2", "NE", "NE1", "NE2", "NH1", "NH2", "NZ"),
    *("O", "OD1", "OD2", "OE1", "OE2", "OG", "OG1", "OH", "OXT", "SD", "SG", "misc"),
)

RECEPTOR_ATOM_SIZES = (len(RESIDUE_TYPES), NUM_ELEMENTS, len(ATOM_CLASSES), len(ATOM_NAMES))
"""Vocabulary size of each column of `heavy_atom_features`; the last value of a column is "misc"."""

HYDROGENS = ("H", "D")
_CLASS = {name: index for index, name in enumerate(ATOM_CLASSES)}
_NAME = {name: index for index, name in enumerate(ATOM_NAMES)}


@cache
def _element_column(symbol: str) -> int:
    """Atomic number minus one, or the last value for a symbol that is not an element; "CD" is read as carbon."""
    table = Chem.GetPeriodicTable()
    known = {table.GetElementSymbol(number): number for number in range(1, NUM_ELEMENTS)}
    return known.get("C" if symbol.upper() == "CD" else symbol.capitalize(), NUM_ELEMENTS) - 1


def heavy_atom_features(receptor: Receptor) -> tuple[np.ndarray, np.ndarray]:
    """Heavy atoms of a receptor, as indices (heavy,) into its atoms, and their categorical columns (heavy, 4) int64."""
    heavy = np.array(
        [i for i, element in enumerate(receptor.atom_elements) if element not in HYDROGENS], dtype=np.int64
    )
    names = [receptor.atom_names[i] for i in heavy]
    columns = (
        receptor.restype[receptor.atom_residue[heavy]],
        [_element_column(receptor.atom_elements[i]) for i in heavy],
        [_CLASS.get(f"{name}*"[:2], len(_CLASS) - 1) for name in names],
        [_NAME.get(name, len(_NAME) - 1) for name in names],
    )
    return heavy, np.stack([np.asarray(column, dtype=np.int64) for column in columns], 1)
