"""Input of the contact score: a class for each receptor atom, chemical features for each ligand atom."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rdkit import Chem
from scipy.spatial import KDTree

from disco_dock.chem.receptor import Receptor
from disco_dock.chem.structures.named_atoms import named_atoms
from disco_dock.physics.vina_ligand import ligand_kinds
from disco_dock.physics.vina_terms import ACCEPTOR, DONOR, HALOGENS, HYDROPHOBIC

RECEPTOR_CLASSES = (
    *("alpha carbon", "carbonyl carbon", "aliphatic carbon", "aromatic carbon", "polar carbon"),
    *("backbone nitrogen", "amide nitrogen", "charged nitrogen", "ring nitrogen"),
    *("backbone oxygen", "amide oxygen", "carboxylate oxygen", "hydroxyl oxygen", "phenol oxygen"),
    "sulfur",
    *("zinc", "magnesium", "calcium", "manganese", "iron", "copper", "other metal", "bound metal", "monovalent ion"),
    *("phosphorus", "phosphate oxygen", "group oxygen", "group nitrogen", "group carbon", "group polar carbon"),
    *("group sulfur", "halogen"),
)
"""From zinc on they are of groups: lone metals, metals of a heme or cluster, cofactors, ions, waters that were kept."""
NO_CLASS = -1
METALS = {"Zn": "zinc", "Mg": "magnesium", "Ca": "calcium", "Mn": "manganese", "Fe": "iron", "Cu": "copper"}
MONOVALENT = frozenset({"Li", "Na", "K", "Rb", "Cs", "Tl", "Ag"})
GROUP_ELEMENTS = {"N": "group nitrogen", "S": "group sulfur", "Se": "group sulfur", "P": "phosphorus"}
P_O_BOND = 1.8  # Angstrom, at most
ELEMENTS = ("C", "N", "O", "S", "P", "F", "Cl", "Br", "I")
RING_RESIDUES = frozenset({"PHE", "TYR", "TRP", "HIS", "HID", "HIE", "HIP"})
CHARGED, AMIDES, CARBOXYLATES = frozenset({"LYS", "ARG"}), frozenset({"ASN", "GLN"}), frozenset({"ASP", "GLU"})
OWN_FEATURES = len(ELEMENTS) + 18
LIGAND_FEATURES = 3 * OWN_FEATURES
PARTNERS, SECOND_PARTNERS = 2, 6
"""By which sums over partners, and over partners' partners (the atom itself among them), are divided."""


def receptor_classes(receptor: Receptor, kinds: np.ndarray) -> np.ndarray:
    """(atoms,) int64 index into `RECEPTOR_CLASSES`, or `NO_CLASS`, of the heavy atoms of `vina_receptor`.

    Args:
        receptor: with its atoms.
        kinds: (atoms,) Vina kinds of its heavy atoms.
    """
    atoms = named_atoms(receptor)
    heavy = np.flatnonzero(~atoms.hydrogen)
    index = {name: number for number, name in enumerate(RECEPTOR_CLASSES)}
    sizes = np.bincount(atoms.group[heavy] + 1)
    on_phosphorus = _near(atoms.pos[heavy], atoms.pos[atoms.elements == "P"], P_O_BOND)
    found = []
    for place, (atom, kind) in enumerate(zip(heavy.tolist(), kinds.tolist(), strict=True)):
        element, group = str(atoms.elements[atom]), int(atoms.group[atom])
        if group < 0:
            name = _class(element, atoms.names[atom], kind)
        else:
            name = _class_in_group(element, kind, sizes[group + 1] == 1, on_phosphorus[place])
        found.append(NO_CLASS if name is None else index[name])
    return np.array(found, dtype=np.int64)


def _near(pos: np.ndarray, others: np.ndarray, distance: float) -> np.ndarray:
    """(len(pos),) bool, whether one of the others is that close."""
    if not len(others):
        return np.zeros(len(pos), dtype=bool)
    return np.isfinite(KDTree(others).query(pos, distance_upper_bound=distance)[0])


def _class_in_group(element: str, kind: int, alone: bool, on_phosphorus: bool) -> str:
    if element in ("C", "B", "Si"):
        return "group carbon" if kind & HYDROPHOBIC else "group polar carbon"
    if element == "O":
        return "phosphate oxygen" if on_phosphorus else "group oxygen"
    if element in HALOGENS:
        return "halogen"
    if element in GROUP_ELEMENTS:
        return GROUP_ELEMENTS[element]
    if element in MONOVALENT:
        return "monovalent ion"
    return METALS.get(element, "other metal") if alone else "bound metal"


def _class(element: str, residue_and_name: tuple[str, str], kind: int) -> str | None:
    if element in ("S", "Se"):
        return "sulfur"
    if element == "P":
        return "phosphorus"
    classify = {"C": _carbon, "N": _nitrogen, "O": _oxygen}.get(element)
    return None if classify is None else classify(*residue_and_name, kind)


def _carbon(residue: str, name: str, kind: int) -> str:
    if residue and name in ("CA", "C"):
        return "alpha carbon" if name == "CA" else "carbonyl carbon"
    if residue in RING_RESIDUES and name != "CB":
        return "aromatic carbon"
    return "aliphatic carbon" if kind & HYDROPHOBIC else "polar carbon"


def _nitrogen(residue: str, name: str, kind: int) -> str:
    if residue and name == "N":
        return "backbone nitrogen"
    if residue in AMIDES:
        return "amide nitrogen"
    return "charged nitrogen" if residue in CHARGED else "ring nitrogen"


def _oxygen(residue: str, name: str, kind: int) -> str:
    if residue and name in ("O", "OXT"):
        return "backbone oxygen"
    if residue in AMIDES or (not residue and not kind & DONOR):
        return "amide oxygen"
    if residue in CARBOXYLATES:
        return "carboxylate oxygen"
    return "phenol oxygen" if residue == "TYR" else "hydroxyl oxygen"


def ligand_features(mol: Chem.Mol) -> np.ndarray:
    """(atoms, LIGAND_FEATURES) float64, of a molecule without explicit hydrogens.

    Zeros and ones of an atom: element, aromatic, hydrophobic, donor, acceptor, in a ring, sign of charge, hydrogens,
    neighbours, hybridisation. Then the same summed over the atoms one bond away, and over walks of two bonds.
    """
    kinds = ligand_kinds(mol).kind.tolist()
    own = np.array([_features(atom, kind) for atom, kind in zip(mol.GetAtoms(), kinds, strict=True)], dtype=np.float64)
    bonded = Chem.GetAdjacencyMatrix(mol).astype(np.float64)
    partners = bonded @ own
    return np.concatenate([own, partners / PARTNERS, bonded @ partners / SECOND_PARTNERS], axis=1)


def _features(atom: Chem.Atom, kind: int) -> list[float]:
    element, charge, orbital = atom.GetSymbol(), atom.GetFormalCharge(), atom.GetHybridization()
    return [
        *_one_of(element, ELEMENTS),
        element not in ELEMENTS,
        atom.GetIsAromatic(),
        bool(kind & HYDROPHOBIC),
        bool(kind & DONOR),
        bool(kind & ACCEPTOR),
        atom.IsInRing(),
        charge > 0,
        charge < 0,
        *_one_of(atom.GetTotalNumHs(), (0, 1, 2, 3)),
        *_one_of(min(atom.GetDegree(), 4), (1, 2, 3, 4)),
        *_one_of(orbital, (Chem.HybridizationType.SP2, Chem.HybridizationType.SP3)),
    ]


def _one_of(value: object, choices: Sequence[object]) -> list[bool]:
    return [value == choice for choice in choices]
