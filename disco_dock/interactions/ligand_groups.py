"""What atoms of a ligand can do in an interaction, by SMARTS on the sanitised molecule."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from rdkit import Chem

from disco_dock.interactions.hydrogens import Donor, donor

AMINE = "[NX3;+0;!$(N-[!#6;!#1]);!$(N-[#6]=,#[O,N,S]);!$(N-[a]);!$(N-C=C);!$(N-C#N)]"
"""A nitrogen that is protonated in water."""
DONOR = ("[#7,#8,#16;!H0]", AMINE)
ACCEPTOR = ("[O;X1,X2;!$([OX2]([#6])[#6]=[OX1])]", "[n;X2;+0]", "[NX2;+0]", "[NX1]", "[#16;X1]")
POSITIVE = (
    "[+;!$([+]~[-])]",
    AMINE,
    "[NX3;$(N-[CX3]=[NX2;!$(N-[O,S])])]",
    "[NX2;$(N=[CX3](-[NX3])-[#6,NX3])]",
)
NEGATIVE = (
    "[-;!$([-]~[+])]",
    "[OX1;$(O=[C,S,P]-[OX2H,OX1-])]",
    "[OX2H;$(O-[C,S,P]=[OX1])]",
)
HYDROPHOBIC = ("[#6;!$([#6]~[#7,#8,#9])]", "[Cl,Br,I;X1]", "[SX2;H0;$(S(-[#6])-[#6])]")
HALOGEN = ("[Cl,Br,I;X1;$(*-[#6])]",)


class LigandGroups(NamedTuple):
    """Indices of atoms by what they can do, and the atoms of each aromatic ring."""

    donor: np.ndarray
    acceptor: np.ndarray
    positive: np.ndarray
    negative: np.ndarray
    hydrophobic: np.ndarray
    halogen: np.ndarray
    rings: tuple[np.ndarray, ...]


@lru_cache(maxsize=64)
def _pattern(smarts: str) -> Chem.Mol:
    found = Chem.MolFromSmarts(smarts)
    assert found is not None, smarts
    return found


def _atoms(mol: Chem.Mol, patterns: tuple[str, ...]) -> np.ndarray:
    found = {match[0] for smarts in patterns for match in mol.GetSubstructMatches(_pattern(smarts), maxMatches=10_000)}
    return np.array(sorted(found), dtype=np.int64)


def heavy(mol: Chem.Mol) -> Chem.Mol:
    """The molecule without hydrogens and sanitised, so that counts of hydrogens, rings and aromaticity are right."""
    if mol.NeedsUpdatePropertyCache() or not mol.GetRingInfo().NumRings():
        mol = Chem.Mol(mol)
        Chem.SanitizeMol(mol)
    return Chem.RemoveHs(mol) if any(atom.GetAtomicNum() == 1 for atom in mol.GetAtoms()) else mol


def ligand_groups(mol: Chem.Mol) -> LigandGroups:
    """The groups of a sanitised molecule without explicit hydrogens."""
    rings = tuple(
        np.array(ring)
        for ring in mol.GetRingInfo().AtomRings()
        if len(ring) in (5, 6) and all(mol.GetAtomWithIdx(index).GetIsAromatic() for index in ring)
    )
    return LigandGroups(
        donor=_atoms(mol, DONOR),
        acceptor=_atoms(mol, ACCEPTOR),
        positive=_atoms(mol, POSITIVE),
        negative=_atoms(mol, NEGATIVE),
        hydrophobic=_atoms(mol, HYDROPHOBIC),
        halogen=_atoms(mol, HALOGEN),
        rings=rings,
    )


def neighbours(mol: Chem.Mol, atom: int) -> list[int]:
    """Indices of the heavy neighbours of an atom."""
    return [other.GetIdx() for other in mol.GetAtomWithIdx(atom).GetNeighbors() if other.GetAtomicNum() > 1]


def ligand_hydrogens(mol: Chem.Mol, pos: np.ndarray, atom: int) -> Donor:
    """The hydrogens of a donor of the ligand.

    Args:
        mol: without explicit hydrogens.
        pos: (atoms, 3) in Angstrom.
        atom: index of the donor.
    """
    bonded = neighbours(mol, atom)
    one = mol.GetAtomWithIdx(atom)
    flat = one.GetHybridization() == Chem.HybridizationType.SP2 and (one.GetAtomicNum() == 7 or len(bonded) > 1)
    beyond = [other for other in neighbours(mol, bonded[0]) if other != atom] if len(bonded) == 1 else []
    return donor(atom, pos[atom], pos[bonded], flat=flat, beyond=pos[np.array(beyond, dtype=np.int64)])
