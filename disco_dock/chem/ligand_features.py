"""Categorical features of a ligand's atoms and bonds, in the published vocabularies.

Source: the published DiffDock / DisCo-DiffDock featurisation: 16 integer columns per heavy atom, 4 bond types.
"""

from __future__ import annotations

import numpy as np
from rdkit import Chem

from disco_dock.runtime.errors import InputError

ATOM_FEATURE_SIZES = (119, 4, 12, 12, 8, 10, 6, 6, 2, 8, 2, 2, 2, 2, 2, 2)
"""Vocabulary size of each column of `atom_features`; where a column has a "misc" value it is the last one."""

ATOM_FEATURE_NAMES = (
    "element",
    "chirality",
    "degree",
    "formal_charge",
    "implicit_valence",
    "hydrogens",
    "radical_electrons",
    "hybridisation",
    "aromatic",
    "rings",
    "ring3",
    "ring4",
    "ring5",
    "ring6",
    "ring7",
    "ring8",
)

NUM_BOND_TYPES = 4

_CHIRALITY = {
    Chem.ChiralType.CHI_UNSPECIFIED: 0,
    Chem.ChiralType.CHI_TETRAHEDRAL_CW: 1,
    Chem.ChiralType.CHI_TETRAHEDRAL_CCW: 2,
}
_HYBRIDISATION = {
    Chem.HybridizationType.SP: 0,
    Chem.HybridizationType.SP2: 1,
    Chem.HybridizationType.SP3: 2,
    Chem.HybridizationType.SP3D: 3,
    Chem.HybridizationType.SP3D2: 4,
}
BOND_TYPES = (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE, Chem.BondType.AROMATIC)
"""Bonds of a ligand, in the order of their feature."""
_BOND_TYPE = {Chem.BondType.UNSPECIFIED: 0, **{kind: number for number, kind in enumerate(BOND_TYPES)}}
_RING_SIZES = (3, 4, 5, 6, 7, 8)


def atom_features(mol: Chem.Mol) -> np.ndarray:
    """Categorical features of each atom of a sanitised molecule without explicit hydrogens.

    Columns (`ATOM_FEATURE_NAMES`, vocabulary sizes `ATOM_FEATURE_SIZES`): element (0 = hydrogen), chirality tag,
    total degree, formal charge (0 = -5), implicit valence, hydrogens, radical electrons, hybridisation, aromatic,
    number of rings, and whether the atom lies in a ring of 3, 4, 5, 6, 7, 8 atoms.

    Args:
        mol: sanitised, hydrogens removed; L atoms.

    Returns:
        int64 [L, 16]; every entry of column c lies in [0, ATOM_FEATURE_SIZES[c]).
    """
    rings = mol.GetRingInfo()
    rows = np.zeros((mol.GetNumAtoms(), len(ATOM_FEATURE_SIZES)), dtype=np.int64)
    for index, atom in enumerate(mol.GetAtoms()):
        rows[index] = (
            _bounded(atom.GetAtomicNum() - 1, 118),
            _CHIRALITY.get(atom.GetChiralTag(), 3),
            _bounded(atom.GetTotalDegree(), 11),
            _bounded(atom.GetFormalCharge() + 5, 11),
            _bounded(atom.GetValence(Chem.ValenceType.IMPLICIT), 7),
            _bounded(atom.GetTotalNumHs(), 9),
            _bounded(atom.GetNumRadicalElectrons(), 5),
            _HYBRIDISATION.get(atom.GetHybridization(), 5),
            int(atom.GetIsAromatic()),
            _bounded(rings.NumAtomRings(index), 7),
            *(int(rings.IsAtomInRingOfSize(index, size)) for size in _RING_SIZES),
        )
    return rows


def bond_edges(mol: Chem.Mol) -> tuple[np.ndarray, np.ndarray]:
    """Both directions of each bond, one after the other, and their types.

    Args:
        mol: molecule with E bonds.

    Returns:
        index int64 [2, 2E]: columns 2k and 2k+1 are i->j and j->i of RDKit's bond k;
        type int64 [2E]: 0 single (also unspecified), 1 double, 2 triple, 3 aromatic.

    Raises:
        InputError: for any other bond type, with its atoms.
    """
    index = np.zeros((2, 2 * mol.GetNumBonds()), dtype=np.int64)
    types = np.zeros(2 * mol.GetNumBonds(), dtype=np.int64)
    for number, bond in enumerate(mol.GetBonds()):
        begin, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        kind = _BOND_TYPE.get(bond.GetBondType())
        if kind is None:
            raise InputError(
                f"the bond between atoms {begin + 1} and {end + 1} has type {bond.GetBondType().name}, expected "
                "single, double, triple or aromatic; redraw it as one of these"
            )
        index[:, 2 * number] = begin, end
        index[:, 2 * number + 1] = end, begin
        types[2 * number : 2 * number + 2] = kind
    return index, types


def _bounded(value: int, misc: int) -> int:
    """`value` if it is one of 0 .. misc - 1, else `misc`."""
    return value if 0 <= value < misc else misc
