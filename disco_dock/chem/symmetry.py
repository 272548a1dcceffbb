"""Root-mean-square deviation of poses, corrected for the symmetry of the molecule, without alignment.

Symmetry is that of the skeleton (elements and bonds, without bond orders and charges), the convention of docking
benchmarks: both oxygens of a carboxylate are the same atom. Source: Meli & Biggin, J. Cheminform. 2020, 12, 49.

Atoms at the end of a chain that share a neighbour and an element (the fluorines of CF3, the oxygens of a phosphate)
form one unit. RDKit lists the automorphisms of the much less symmetric graph of units, and the best assignment inside
each pair of units is chosen on its own, so that no product over all end groups is ever enumerated.
"""

from __future__ import annotations

from itertools import permutations
from typing import NamedTuple

import numpy as np
from rdkit import Chem, rdBase

MAX_AUTOMORPHISMS = 10_000
"""Automorphisms of the graph of units that are listed; more are cut off and `Automorphisms.complete` is False."""

_MAX_UNIT = 5  # a larger group of equal end atoms is left as single atoms: 6! assignments are too many to try
_CHUNK = 2_000_000  # numbers gathered at a time


class Automorphisms(NamedTuple):
    """Symmetries of a skeleton of L atoms.

    Attributes:
        units: atoms of each of the U units, a partition of 0 .. L - 1.
        maps: int64 [M, U]; unit u of a pose may stand for unit maps[m, u] of the reference. The first is the identity.
        complete: False when there are more than were listed; RMSDs are then upper bounds.
    """

    units: tuple[tuple[int, ...], ...]
    maps: np.ndarray
    complete: bool


def automorphisms(mol: Chem.Mol, *, max_matches: int = MAX_AUTOMORPHISMS) -> Automorphisms:
    """Symmetries of the molecule's skeleton.

    Args:
        mol: molecule without explicit hydrogens.
        max_matches: most maps to list.
    """
    units = _units(mol)
    unit_of = {atom: number for number, unit in enumerate(units) for atom in unit}
    skeleton = Chem.RWMol()
    for unit in units:
        atom = Chem.Atom(mol.GetAtomWithIdx(unit[0]).GetAtomicNum())
        atom.SetIsotope(len(unit) if len(unit) > 1 else 0)  # units match units of the same size
        atom.SetNoImplicit(True)
        skeleton.AddAtom(atom)
    ends = {
        (min(pair), max(pair))
        for pair in ((unit_of[bond.GetBeginAtomIdx()], unit_of[bond.GetEndAtomIdx()]) for bond in mol.GetBonds())
    }
    for first, second in sorted(ends):
        skeleton.AddBond(first, second, Chem.BondType.SINGLE)
    parameters = Chem.SubstructMatchParameters()
    parameters.uniquify = False
    parameters.maxMatches = max_matches + 1
    with rdBase.BlockLogs():
        matches = skeleton.GetSubstructMatches(skeleton, parameters)
    identity = tuple(range(len(units)))
    kept = dict.fromkeys((identity, *matches[:max_matches]))
    return Automorphisms(units, np.array(list(kept), dtype=np.int64), len(matches) <= max_matches)


def symmetric_rmsd(
    mol: Chem.Mol, pos: np.ndarray, ref: np.ndarray, *, symmetry: Automorphisms | None = None
) -> np.ndarray:
    """Least RMSD of each pose from the reference over the symmetries of the molecule; no superposition.

    Args:
        mol: molecule of L atoms without explicit hydrogens.
        pos: float [P, L, 3] in Angstrom.
        ref: float [L, 3] in Angstrom.
        symmetry: `automorphisms(mol)`, to reuse it, or to see whether it is complete.

    Returns:
        float64 [P] in Angstrom; NaN for a pose that is not finite. Where `symmetry.complete` is False, an upper bound
        that is never above the plain RMSD.
    """
    units, maps, _ = symmetry if symmetry is not None else automorphisms(mol)
    pos, ref = np.asarray(pos, dtype=np.float64), np.asarray(ref, dtype=np.float64)
    squared = ((pos[:, :, None] - ref[None, None]) ** 2).sum(axis=-1)
    cost = _unit_costs(squared, units)
    best = np.full(len(pos), np.inf)
    rows = max(1, _CHUNK // max(1, len(pos) * len(units)))
    for start in range(0, len(maps), rows):
        chosen = cost[:, np.arange(len(units)), maps[start : start + rows]]
        best = np.minimum(best, chosen.sum(axis=2).min(axis=1))
    return np.sqrt(best / pos.shape[1])


def _units(mol: Chem.Mol) -> tuple[tuple[int, ...], ...]:
    """Groups of interchangeable end atoms, and every other atom alone, ordered by first atom."""
    groups: dict[tuple[int, int], list[int]] = {}
    units: list[tuple[int, ...]] = []
    for atom in mol.GetAtoms():
        neighbours = atom.GetNeighbors()
        if len(neighbours) == 1 and neighbours[0].GetDegree() > 1:
            groups.setdefault((neighbours[0].GetIdx(), atom.GetAtomicNum()), []).append(atom.GetIdx())
        else:
            units.append((atom.GetIdx(),))
    for group in groups.values():
        units.extend([tuple(group)] if len(group) <= _MAX_UNIT else [(atom,) for atom in group])
    return tuple(sorted(units))


def _unit_costs(squared: np.ndarray, units: tuple[tuple[int, ...], ...]) -> np.ndarray:
    """Least sums [P, U, U] of squared distances [P, L, L] between units of equal size; infinite between others."""
    num_poses = len(squared)
    cost = np.full((num_poses, len(units), len(units)), np.inf)
    singles = [number for number, unit in enumerate(units) if len(unit) == 1]
    atoms = [units[number][0] for number in singles]
    cost[:, np.array(singles)[:, None], np.array(singles)] = squared[:, np.array(atoms)[:, None], np.array(atoms)]
    grouped = [number for number, unit in enumerate(units) if len(unit) > 1]
    for first in grouped:
        orders = np.array(list(permutations(range(len(units[first])))))
        for second in grouped:
            if len(units[second]) == len(units[first]):
                ends = np.array(units[second])[orders]
                cost[:, first, second] = squared[:, np.array(units[first]), ends].sum(axis=2).min(axis=1)
    return cost
