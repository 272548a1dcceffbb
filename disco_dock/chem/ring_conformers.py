"""Other shapes of a ligand's saturated rings and macrocycles, which torsions about single bonds never reach."""

from __future__ import annotations

import numpy as np
from rdkit import Chem

from disco_dock.chem.conformers import embed, relaxed_energy
from disco_dock.chem.stereo import signature_from_pose
from disco_dock.runtime.errors import InputError

MACROCYCLE = 8  # atoms in a ring from which on it bends whatever its atoms are
SMALLEST = 5  # atoms in a ring that has more than one shape
BENDS = 2  # sp3 atoms that such a ring needs
APART = np.deg2rad(40.0)
"""Two shapes differ where a dihedral angle at a ring bond does by more."""
WINDOW = 5.0  # kcal/mol of MMFF94s above the lowest shape
EMBEDDINGS = 4  # for each shape that is asked for
SECONDS = 10.0  # of processor time for one embedding


def bending_bonds(mol: Chem.Mol) -> list[tuple[int, int]]:
    """Single bonds of rings that have several shapes."""
    found: dict[tuple[int, int], None] = {}
    for ring in mol.GetRingInfo().AtomRings():
        atoms = [mol.GetAtomWithIdx(index) for index in ring]
        saturated = sum(atom.GetHybridization() == Chem.HybridizationType.SP3 for atom in atoms)
        if len(ring) < SMALLEST or (len(ring) < MACROCYCLE and saturated < BENDS):
            continue
        for first, second in zip(ring, (*ring[1:], ring[0]), strict=True):
            bond = mol.GetBondBetweenAtoms(first, second)
            if bond.GetBondType() == Chem.BondType.SINGLE and not bond.GetIsAromatic():
                found[min(first, second), max(first, second)] = None
    return list(found)


def ring_conformers(mol: Chem.Mol, pos: np.ndarray, *, count: int, seed: int) -> np.ndarray:
    """(shapes, L, 3) the given conformer, and others with rings of another shape, those of lowest energy first.

    Args:
        mol: molecule of L heavy atoms.
        pos: (L, 3) the given conformer, Angstrom.
        count: shapes at most, the given one among them.
        seed: any integer; the same seed gives the same shapes.
    """
    bonds = bending_bonds(mol)
    if count < 2 or not bonds:
        return pos[None]
    quartets, configuration = _quartets(mol, bonds), signature_from_pose(mol, pos)
    made = []
    for number in range(EMBEDDINGS * count):
        try:
            shape = embed(mol, seed=seed + 1 + number, time_limit=SECONDS).pos
        except InputError:
            continue
        if signature_from_pose(mol, shape) != configuration:  # of a centre that was left open
            continue
        energy = relaxed_energy(mol, shape)
        if energy is not None and np.isfinite(energy):
            made.append((energy, number, shape))
    if not made:
        return pos[None]
    made.sort(key=lambda one: one[:2])
    kept, angles = [pos], [_dihedrals(pos, quartets)]
    for energy, _, shape in made:
        found = _dihedrals(shape, quartets)
        if len(kept) == count or energy > made[0][0] + WINDOW:
            break
        if all(_apart(found, other) > APART for other in angles):
            kept.append(shape)
            angles.append(found)
    return np.stack(kept)


def _quartets(mol: Chem.Mol, bonds: list[tuple[int, int]]) -> np.ndarray:
    """(quartets, 4) heavy atoms about the bonds."""
    return np.array(
        [
            (before.GetIdx(), first, second, after.GetIdx())
            for first, second in bonds
            for before in mol.GetAtomWithIdx(first).GetNeighbors()
            for after in mol.GetAtomWithIdx(second).GetNeighbors()
            if len({before.GetIdx(), first, second, after.GetIdx()}) == 4
        ],
        dtype=np.int64,
    ).reshape(-1, 4)


def _dihedrals(pos: np.ndarray, quartets: np.ndarray) -> np.ndarray:
    """(quartets,) dihedral angles in rad."""
    a, b, c, d = (pos[quartets[:, k]] for k in range(4))
    axis = c - b
    axis = axis / np.linalg.norm(axis, axis=1, keepdims=True)
    first, second = (v - (v * axis).sum(1, keepdims=True) * axis for v in (a - b, d - c))
    return np.arctan2((np.cross(axis, first) * second).sum(1), (first * second).sum(1))


def _apart(first: np.ndarray, second: np.ndarray) -> float:
    """Largest difference of two sets of angles."""
    difference = first - second
    return float(np.abs(np.arctan2(np.sin(difference), np.cos(difference))).max(initial=0.0))
