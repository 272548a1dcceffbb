"""What a molecule must satisfy to be docked; each failure is one sentence with the atom and the remedy."""

from __future__ import annotations

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from disco_dock.chem.ligand_features import BOND_TYPES
from disco_dock.runtime.errors import InputError

MAX_HEAVY_ATOMS = 200
"""Largest ligand that is accepted; trained models have seen far smaller ones."""

MAX_RADICALS = 2
"""Most atoms with unpaired electrons, nitroxides aside, that may be meant."""

_NONMETALS = frozenset({1, 2, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 33, 34, 35, 36, 52, 53, 54, 85, 86})
_HEAVIEST_ELEMENT = 118
_MIN_DISTANCE = 0.1  # Angstrom: closer atoms are the same point
_MAX_COORDINATE = 1e6  # Angstrom: beyond any real structure


def check_elements(mol: Chem.Mol) -> None:
    """Raise InputError for an atomic number without an element; RDKit parses "[#999]", and fails on it afterwards."""
    for atom in mol.GetAtoms():
        if atom.GetAtomicNum() > _HEAVIEST_ELEMENT:
            raise InputError(
                f"atom {atom.GetIdx() + 1} has the atomic number {atom.GetAtomicNum()}, which is no element; correct it"
            )


def fragments(mol: Chem.Mol) -> list[list[int]]:
    """Atom indices of each connected part, in the order of their first atoms."""
    return [list(part) for part in Chem.GetMolFrags(mol)]


def largest_fragment(mol: Chem.Mol) -> list[int]:
    """Atom indices of the part with most heavy atoms; of equal ones the heavier, then the first."""

    def size(part: list[int]) -> tuple[int, float]:
        atoms = [mol.GetAtomWithIdx(index) for index in part]
        return sum(atom.GetAtomicNum() > 1 for atom in atoms), sum(atom.GetMass() for atom in atoms)

    return max(fragments(mol), key=size)


def describe_fragments(mol: Chem.Mol, limit: int = 4) -> str:
    """Formulas of the connected parts, largest first, e.g. "C9H8O4, Na"."""
    heavy = [atom.GetAtomicNum() > 1 for atom in mol.GetAtoms()]
    parts = sorted(fragments(mol), key=lambda part: -sum(heavy[index] for index in part))
    names = []
    for part in parts[:limit]:  # a molecule of each is costly where there are thousands
        part = part_of(mol, set(part))
        part.UpdatePropertyCache(strict=False)
        names.append(rdMolDescriptors.CalcMolFormula(part))
    return ", ".join(names) + (f" and {len(parts) - limit} more" if len(parts) > limit else "")


def part_of(mol: Chem.Mol, keep: set[int]) -> Chem.Mol:
    """The molecule with only some of its atoms."""
    editable = Chem.RWMol(mol)
    editable.BeginBatchEdit()
    for index in range(mol.GetNumAtoms()):
        if index not in keep:
            editable.RemoveAtom(index)
    editable.CommitBatchEdit()
    return editable.GetMol()


def check_bonds(mol: Chem.Mol, kind: str) -> None:
    """Raise InputError for a record whose bond block is empty: 27 atoms without bonds are no 27 fragments."""
    heavy = sum(atom.GetAtomicNum() != 1 for atom in mol.GetAtoms())
    if kind in ("sdf", "mol2") and heavy > 1 and not mol.GetNumBonds():
        raise InputError(f"the molecule has {heavy} heavy atoms and no bonds; export it again with its bond block")


def check_skeleton(mol: Chem.Mol, numbers: dict[int, int] | None = None) -> None:
    """Raise unless the atoms and bonds of one connected, possibly unsanitised molecule are of kinds that can be docked.

    Args:
        mol: the molecule.
        numbers: atom index -> index in the input, where the two differ.

    Raises:
        InputError: for placeholder or query atoms, metals, other bond types, fewer than 2 or more than 200 heavy atoms.
    """
    heavy = sum(atom.GetAtomicNum() != 1 for atom in mol.GetAtoms())
    for atom in mol.GetAtoms():
        label = _label(atom, numbers)
        if atom.GetAtomicNum() == 0 or atom.HasQuery():
            raise InputError(f"{label} is a placeholder or query atom; replace it with an element")
    if heavy == 0:
        raise InputError("the molecule has no heavy atoms; give a molecule with at least 2")
    for atom in mol.GetAtoms():
        if atom.GetAtomicNum() not in _NONMETALS:
            raise InputError(
                f"{_label(atom, numbers)} is a metal, which the model does not cover; remove it, or keep it as part of "
                "the receptor"
            )
    if heavy == 1:
        symbol = next(atom.GetSymbol() for atom in mol.GetAtoms() if atom.GetAtomicNum() != 1)
        raise InputError(f"the molecule is a single heavy atom ({symbol}); give a molecule with at least 2")
    if heavy > MAX_HEAVY_ATOMS:
        raise InputError(
            f"the molecule has {heavy} heavy atoms, more than {MAX_HEAVY_ATOMS}; dock a smaller ligand, and give a "
            "peptide or protein partner as the receptor"
        )
    for bond in mol.GetBonds():
        if bond.GetBondType() not in BOND_TYPES:
            ends = f"{_label(bond.GetBeginAtom(), numbers)} and {_label(bond.GetEndAtom(), numbers)}"
            raise InputError(
                f"the bond between {ends} has type {bond.GetBondType().name.lower()}, expected single, double, triple "
                "or aromatic; redraw it as one of these"
            )


def check_aromatic_bonds(mol: Chem.Mol) -> None:
    """Raise InputError for an aromatic bond outside a ring of a sanitised molecule; RDKit lets it pass."""
    for bond in mol.GetBonds():
        if bond.GetBondType() == Chem.BondType.AROMATIC and not bond.IsInRing():
            ends = f"{_label(bond.GetBeginAtom(), None)} and {_label(bond.GetEndAtom(), None)}"
            raise InputError(f"the bond between {ends} is aromatic but in no ring; redraw it as single or double")


def check_radicals(mol: Chem.Mol, notes: list[str]) -> None:
    """Note the unpaired electrons of a sanitised molecule: those of nitroxides (TEMPO), or of few atoms, may be meant.

    Args:
        mol: without explicit hydrogens.
        notes: gets a sentence.

    Raises:
        InputError: other N, O, P or S atoms, or more than two atoms, would be radicals: hydrogens are missing.
    """
    radicals = [atom for atom in mol.GetAtoms() if atom.GetNumRadicalElectrons()]
    nitroxide = [is_nitroxide_oxygen(atom) for atom in radicals]
    hetero = [
        atom
        for atom, stable in zip(radicals, nitroxide, strict=True)
        if atom.GetSymbol() in ("N", "O", "P", "S") and not stable
    ]
    if not radicals:
        return
    if hetero or len(radicals) - sum(nitroxide) > MAX_RADICALS:
        raise InputError(
            f"{_listed(hetero or radicals)} would be a radical: hydrogens or charges are missing; add them, or redraw "
            "the atom"
        )
    notes.append(f"unpaired electrons at {_listed(radicals)}: is a hydrogen or bond missing?")


def is_nitroxide_oxygen(atom: Chem.Atom) -> bool:
    """Whether an atom is the oxygen of a nitroxide, its only bond one to nitrogen."""
    return atom.GetSymbol() == "O" and [other.GetSymbol() for other in atom.GetNeighbors()] == ["N"]


def _listed(atoms: list[Chem.Atom]) -> str:
    return ", ".join(_label(atom, None) for atom in atoms[:6])


def chemistry_problem(mol: Chem.Mol) -> str:
    """One sentence on why an unsanitised molecule is not chemically valid, with the atom and the remedy."""
    problems = Chem.DetectChemistryProblems(Chem.Mol(mol))
    for problem in problems:
        kind = problem.GetType()
        if kind == "AtomValenceException":
            atom = mol.GetAtomWithIdx(problem.GetAtomIdx())
            orders = sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds()) + atom.GetNumExplicitHs()
            return (
                f"{_label(atom, None)} has {orders:g} bonds with formal charge {atom.GetFormalCharge():+d}, which is "
                "not a valid valence; correct its bonds or charge"
            )
        if kind in ("KekulizeException", "AtomKekulizeException"):
            involved = [problem.GetAtomIdx()] if kind.startswith("Atom") else list(problem.GetAtomIndices())
            names = ", ".join(_label(mol.GetAtomWithIdx(index), None) for index in involved[:6])
            return (
                f"no alternating single and double bonds fit the aromatic system at {names}; correct the bonds, or "
                "give the hydrogen of an aromatic nitrogen"
            )
    return "the bonds or stereochemistry are not consistent; correct the molecule, for example by redrawing it"


def check_coordinates(mol: Chem.Mol, pos: np.ndarray) -> None:
    """Raise unless the coordinates are numbers of a plausible size and no two atoms coincide.

    Args:
        mol: molecule of L atoms, for the labels.
        pos: float64 [L, 3] in Angstrom.

    Raises:
        InputError: with the atoms.
    """
    plausible = (np.abs(pos) < _MAX_COORDINATE).all(axis=1)  # False for NaN too
    if not plausible.all():
        worst = int(np.argmin(plausible))
        label = _label(mol.GetAtomWithIdx(worst), None)
        shown = ", ".join(f"{value:g}" for value in pos[worst])
        raise InputError(f"{label} has the coordinates ({shown}); correct them, or give the ligand as SMILES")
    squared = ((pos[:, None] - pos[None]) ** 2).sum(-1)
    np.fill_diagonal(squared, np.inf)
    if squared.min() < _MIN_DISTANCE**2:
        first, second = divmod(int(squared.argmin()), len(pos))
        labels = f"{_label(mol.GetAtomWithIdx(first), None)} and {_label(mol.GetAtomWithIdx(second), None)}"
        raise InputError(f"{labels} lie at the same point; correct the coordinates, or give the ligand as SMILES")


def _label(atom: Chem.Atom, numbers: dict[int, int] | None) -> str:
    """An atom by its 1-based number in the input and its element: "atom 7 (N)"."""
    index = atom.GetIdx() if numbers is None else numbers[atom.GetIdx()]
    return f"atom {index + 1} ({atom.GetSymbol()})"
