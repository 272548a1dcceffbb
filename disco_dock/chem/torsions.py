"""Rotatable bonds of a ligand and the atoms each of them moves.

Source: the published DiffDock / DisCo-DiffDock rule. A bond rotates when cutting it disconnects the molecule and leaves
at least two atoms in the smaller part: amides rotate, ring bonds and bonds to terminal atoms do not. The smaller part
moves; of two equal parts, the one that holds the lowest atom index. Unlike in the published code, double bonds and the
axes of atropisomers that the input gives stay as they are unless asked for, so that a pose cannot turn a Z
configuration into an E one, nor one atropisomer into the other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from rdkit import Chem

from disco_dock.chem.stereo import held_axes


class Torsions(NamedTuple):
    """Rotatable bonds in the order of the directed edges of `ligand_features.bond_edges`.

    Attributes:
        bonds: int64 [T, 2]: (u, v), v in the moving part.
        moved: bool [T, L]: atoms that turn about u-v (v is among them).
        edges: int64 [T]: column of (u, v) in the index returned by `bond_edges`.
    """

    bonds: np.ndarray
    moved: np.ndarray
    edges: np.ndarray


def rotatable_bonds(mol: Chem.Mol, *, double_bonds: bool = False) -> Torsions:
    """Rotatable bonds of a connected molecule and the atoms that each of them moves.

    One depth-first search finds all bridges and the atoms behind each, so the cost is linear in the bonds.

    Args:
        mol: molecule of L atoms without explicit hydrogens.
        double_bonds: whether acyclic double bonds and axes of atropisomers rotate too, as published.

    Returns:
        Torsions with T >= 0 bonds.
    """
    num_atoms = mol.GetNumAtoms()
    preorder, last, bridges = _search(mol)
    inverse = np.argsort(preorder)
    held = frozenset() if double_bonds else held_axes(mol)
    bonds: list[tuple[int, int]] = []
    moved: list[np.ndarray] = []
    edges: list[int] = []
    for number, bond in enumerate(mol.GetBonds()):
        begin, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        child = bridges.get(number)
        if child is None or (bond.GetBondType() == Chem.BondType.DOUBLE and not double_bonds):
            continue
        if frozenset((begin, end)) in held:
            continue
        first, size = preorder[child], last[child] - preorder[child] + 1
        if min(size, num_atoms - size) < 2:
            continue
        behind = np.zeros(num_atoms, dtype=bool)
        behind[inverse[first : first + size]] = True
        # The search starts at atom 0, so the lowest index is never behind a bridge: of equal parts the root's moves.
        side = behind if size < num_atoms - size else ~behind
        towards_end = bool(side[end])
        bonds.append((begin, end) if towards_end else (end, begin))
        moved.append(side)
        edges.append(2 * number + (0 if towards_end else 1))
    return Torsions(
        bonds=np.array(bonds, dtype=np.int64).reshape(-1, 2),
        moved=np.array(moved, dtype=bool).reshape(-1, num_atoms),
        edges=np.array(edges, dtype=np.int64),
    )


def _search(mol: Chem.Mol) -> tuple[np.ndarray, np.ndarray, dict[int, int]]:
    """Depth-first numbering from atom 0, the last number below each atom, and the bridges.

    Returns:
        preorder int64 [L]; last int64 [L], the largest number in the atom's subtree; bridges: bond index -> the atom it
        was entered towards, only for bonds over which no cycle closes.
    """
    num_atoms = mol.GetNumAtoms()
    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(num_atoms)]
    for bond in mol.GetBonds():
        begin, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        neighbours[begin].append((end, bond.GetIdx()))
        neighbours[end].append((begin, bond.GetIdx()))
    preorder = np.full(num_atoms, -1, dtype=np.int64)
    last = np.zeros(num_atoms, dtype=np.int64)
    low = np.zeros(num_atoms, dtype=np.int64)
    bridges: dict[int, int] = {}
    stack = [(0, -1, iter(neighbours[0]))] if num_atoms else []
    counter = 0
    if num_atoms:
        preorder[0] = low[0] = counter
    while stack:
        atom, entered_by, remaining = stack[-1]
        for neighbour, bond in remaining:
            if bond == entered_by:
                continue
            if preorder[neighbour] >= 0:
                low[atom] = min(low[atom], preorder[neighbour])
                continue
            counter += 1
            preorder[neighbour] = low[neighbour] = counter
            stack.append((neighbour, bond, iter(neighbours[neighbour])))
            break
        else:
            stack.pop()
            last[atom] = counter
            if stack:
                parent = stack[-1][0]
                low[parent] = min(low[parent], low[atom])
                if low[atom] > preorder[parent]:
                    bridges[entered_by] = atom
    return preorder, last, bridges
