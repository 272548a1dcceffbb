"""What atoms of a ligand can do in an interaction, by SMARTS."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from rdkit import Chem

DONOR = ("[#7,#8;!H0]",)
ACCEPTOR = (
    "[#8;X1,X2;!$([OX2]([#6])[#6]=[OX1])]",
    "[n;X2;+0]",
    "[NX2;+0]",
    "[NX1]",
    "[NX3;+0;!$(N-[#6]=[O,N,S]);!$(N-[a]);!$(N-S=O)]",
)
POSITIVE = (
    "[+;!$([+]~[-])]",
    "[NX3;+0;!$(N-[!#6;!#1]);!$(N-[#6]=,#[O,N,S]);!$(N-[a]);!$(N-C=C);!$(N-C#N)]",
    "[NX3;$(N-[CX3]=[NX2;!$(N-[O,S])])]",
    "[NX2;$(N=[CX3](-[NX3])-[#6,NX3])]",
)
NEGATIVE = (
    "[-;!$([-]~[+])]",
    "[OX1;$(O=[C,S,P]-[OX2H,OX1-])]",
    "[OX2H;$(O-[C,S,P]=[OX1])]",
)
HYDROPHOBIC = ("[#6;!$([#6]~[#7,#8,#9])]", "[Cl,Br,I;X1]", "[SX2;H0;$(S(-[#6])-[#6])]")


class LigandGroups(NamedTuple):
    """Indices of atoms by what they can do, and the atoms of each aromatic ring."""

    donor: np.ndarray
    acceptor: np.ndarray
    positive: np.ndarray
    negative: np.ndarray
    hydrophobic: np.ndarray
    rings: tuple[np.ndarray, ...]


@lru_cache(maxsize=64)
def _pattern(smarts: str) -> Chem.Mol:
    found = Chem.MolFromSmarts(smarts)
    assert found is not None, smarts
    return found


def _atoms(mol: Chem.Mol, patterns: tuple[str, ...]) -> np.ndarray:
    found = {match[0] for smarts in patterns for match in mol.GetSubstructMatches(_pattern(smarts), maxMatches=10_000)}
    return np.array(sorted(found), dtype=np.int64)


def ligand_groups(mol: Chem.Mol) -> LigandGroups:
    """The groups of a molecule without explicit hydrogens."""
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
        rings=rings,
    )
