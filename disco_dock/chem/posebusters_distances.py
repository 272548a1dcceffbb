"""PoseBusters' tests of distances between a pose and its surroundings, without the tables that take most of its time.

The verdicts are those of its module `intermolecular_distance`; what that says besides is not made.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from rdkit import Chem

NAME = "disco_dock_distances"
REPLACED = "intermolecular_distance"
"""Names of this module and of the one whose verdicts it gives."""


def check_distances(
    mol_pred: Chem.Mol,
    mol_cond: Chem.Mol,
    radius_type: str = "vdw",
    radius_scale: float = 1.0,
    clash_cutoff: float = 0.75,
    ignore_types: Iterable[str] = ("hydrogens",),
    max_distance: float = 5.0,
    search_distance: float = 6.0,
) -> dict[str, Any]:
    """Whether a pose is near its surroundings and overlaps none of their atoms.

    Args:
        mol_pred: the pose.
        mol_cond: its surroundings.
        radius_type: "vdw" or "covalent".
        radius_scale: factor on the radii.
        clash_cutoff: share of the sum of radii below which two atoms overlap.
        ignore_types: atoms of the surroundings that do not count.
        max_distance: Angstrom that the nearest atoms may be apart.
        search_distance: Angstrom beyond which no atom counts.
    """
    from posebusters.tools.protein import get_atom_type_mask

    ligand = np.array([atom.GetSymbol() != "H" for atom in mol_pred.GetAtoms()], dtype=bool)
    around = np.array(get_atom_type_mask(mol_cond, ignore_types), dtype=bool)
    pos, other = (mol.GetConformer().GetPositions() for mol in (mol_pred, mol_cond))
    distance = np.linalg.norm(pos[ligand][:, None, :] - other[around][None, :, :], axis=-1)
    near = distance.min(axis=0) <= search_distance
    radius, other_radius = _radii(mol_pred, radius_type)[ligand], _radii(mol_cond, radius_type)[around][near]
    distance = distance[:, near]
    relative = distance / ((radius[:, None] + other_radius[None, :]) * radius_scale)
    return {
        "results": {
            "not_too_far_away": bool(distance.size and distance.min() <= max_distance),
            "no_clashes": not (relative < clash_cutoff).any(),
        }
    }


def _radii(mol: Chem.Mol, kind: str) -> np.ndarray:
    """(atoms,) radii in Angstrom."""
    table = Chem.GetPeriodicTable()
    radius = {"vdw": table.GetRvdw, "covalent": table.GetRcovalent}[kind]
    return np.array([radius(atom.GetSymbol()) for atom in mol.GetAtoms()], dtype=float)
