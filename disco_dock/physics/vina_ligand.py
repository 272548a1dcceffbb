"""A ligand as Vina sees it: atom kinds, rotors, bonds that turn, and pairs inside it that feel each other.

Kinds and rotors follow the rules by which Meeko (Forli group) prepares ligands for Vina, so that scores agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from rdkit import Chem

from disco_dock.chem.torsions import rotatable_bonds
from disco_dock.physics.vina_terms import ACCEPTOR, DONOR, HALOGENS, HYDROPHOBIC, RADII, VinaAtoms, element_radius

NEAR_BONDS = 3  # atoms no more bonds apart than this do not feel each other
_NO_ACCEPTORS = ("[#7X3v3][a]", "[#7X3v3][#6X3v4]", "[#7X3v3][NX2]=[*]", "[#7+1]")
"""Nitrogens without a free pair: pyrrole and aniline, amide, triazene, ammonium and pyridinium."""
_AMIDE, _LOPSIDED_AMIDE = "[NX3]-[CX3]=[O,N,S]", "[NX3;H0]-[CX3]=[O,N,S]"
_BESIDE_TRIPLE, _TRIPLE = "[*]-[*]#[*]", "[*]-[*]#[*]-[*]"


@dataclass(frozen=True, kw_only=True, eq=False)
class VinaLigand:
    """What the energy and the search need to know of a ligand of L heavy atoms.

    Attributes:
        atoms: kinds.
        rotors: number of rotors that divides the score; a bond to a hydroxyl or amine counts one half.
        bonds: (torsions, 2) int64 held and moved atom of each bond that turns.
        moved: (torsions, L) bool, atoms that turn with it.
        pairs: (pairs, 2) int64 atoms more than three bonds apart whose distance a torsion changes.
    """

    atoms: VinaAtoms
    rotors: float
    bonds: np.ndarray
    moved: np.ndarray
    pairs: np.ndarray


def vina_ligand(mol: Chem.Mol) -> VinaLigand:
    """A ligand without explicit hydrogens as Vina sees it."""
    turning = rotatable_bonds(mol)
    free = _rotors(mol)
    chosen = np.array([free.get(frozenset(bond), 0) == 1 for bond in turning.bonds.tolist()], dtype=bool)
    bonds, moved = turning.bonds[chosen], turning.moved[chosen]
    return VinaLigand(
        atoms=ligand_kinds(mol),
        rotors=float(sum(free.values())),
        bonds=bonds,
        moved=moved,
        pairs=_pairs(mol, bonds, moved),
    )


def ligand_kinds(mol: Chem.Mol) -> VinaAtoms:
    """Radius and kind of each heavy atom."""
    bare = {index for smarts in _NO_ACCEPTORS for index, *_ in _matches(mol, smarts)}
    kinds, radii = [], []
    for atom in mol.GetAtoms():
        element = atom.GetSymbol()
        kind = 0
        if element == "C":
            kind = HYDROPHOBIC * all(other.GetAtomicNum() in (1, 6) for other in atom.GetNeighbors())
        elif element in HALOGENS:
            kind = HYDROPHOBIC
        elif element in ("N", "O"):
            accepts = element == "O" or atom.GetIdx() not in bare
            kind = ACCEPTOR * accepts | DONOR * (atom.GetTotalNumHs() > 0)
        elif element not in RADII:
            kind = DONOR  # a metal
        kinds.append(kind)
        radii.append(element_radius(element))
    return VinaAtoms(np.array(radii, dtype=np.float32), np.array(kinds, dtype=np.int32))


def _rotors(mol: Chem.Mol) -> dict[frozenset[int], float]:
    """Bonds that rotate in Vina: 1 between heavy atoms, 1/2 where only polar hydrogens turn."""
    ranks = list(Chem.CanonicalRankAtoms(mol, breakTies=False))
    rigid = {frozenset(match[:2]) for match in _matches(mol, _BESIDE_TRIPLE)}
    rigid |= {frozenset(match[:2]) for match in _matches(mol, _AMIDE)}
    for nitrogen, carbon, _ in _matches(mol, _LOPSIDED_AMIDE):
        others = [atom.GetIdx() for atom in mol.GetAtomWithIdx(nitrogen).GetNeighbors() if atom.GetIdx() != carbon]
        if len(others) == 2 and ranks[others[0]] != ranks[others[1]]:
            rigid.discard(frozenset((nitrogen, carbon)))
    found = {frozenset(match[1:3]): 1.0 for match in _matches(mol, _TRIPLE)}  # turns in place of its neighbours
    for bond in mol.GetBonds():
        ends = frozenset((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()))
        if bond.GetBondType() != Chem.BondType.SINGLE or bond.IsInRing() or ends in rigid:
            continue
        terminal = [atom for atom in (bond.GetBeginAtom(), bond.GetEndAtom()) if atom.GetDegree() == 1]
        if not terminal:
            found[ends] = 1.0
        elif len(terminal) == 1 and terminal[0].GetTotalNumHs() and terminal[0].GetAtomicNum() in (7, 8, 9, 15, 16):
            found[ends] = 0.5
    return found


def _pairs(mol: Chem.Mol, bonds: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Pairs more than three bonds apart that some torsion moves against each other."""
    num_atoms = mol.GetNumAtoms()
    far = Chem.GetDistanceMatrix(mol) > NEAR_BONDS
    off_axis = np.ones((len(bonds), num_atoms), dtype=bool)
    np.put_along_axis(off_axis, bonds, False, axis=1)
    turned, held = moved & off_axis, ~moved & off_axis
    varies = np.einsum("ti,tj->ij", turned.astype(np.int64), held.astype(np.int64)) > 0
    return np.argwhere(np.triu(far & (varies | varies.T), 1))


@lru_cache(maxsize=16)
def _query(smarts: str) -> Chem.Mol:
    return Chem.MolFromSmarts(smarts)


def _matches(mol: Chem.Mol, smarts: str) -> tuple[tuple[int, ...], ...]:
    return mol.GetSubstructMatches(_query(smarts), uniquify=False, maxMatches=100_000)
