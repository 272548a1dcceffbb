"""Where the molecules of a file lie, whatever the format: a pocket's reference needs coordinates and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdBase

from disco_dock.chem.hetero_groups import group_kind
from disco_dock.chem.ligands import ligand_checks
from disco_dock.chem.ligands.ligand_files import KINDS, Record, file_kind, read_records, suffix_of, text_lines
from disco_dock.chem.residue_features import parent_residue
from disco_dock.chem.structures.atom_elements import is_symbol
from disco_dock.chem.structures.structure_files import CIF_SUFFIXES, PDB_SUFFIXES, Group, read_structure
from disco_dock.runtime.errors import InputError

MAX_ATOMS = 100_000
_FLAT = 1e-3  # Angstrom of height below which a drawing has no third dimension


def reference_positions(path: Path) -> np.ndarray:
    """Positions (atoms, 3) in Angstrom of the heavy atoms of a PDB, PDBQT, mmCIF, XYZ, MOL2 or SDF file.

    Of several molecules all count, of a salt the largest part, of a complex its only ligand; neither hydrogens nor bond
    orders need to be right.

    Raises:
        InputError: the file cannot be read, or has no coordinates in space.
    """
    suffix = suffix_of(path)
    if suffix in PDB_SUFFIXES | CIF_SUFFIXES:
        found = _of_structure(path)
    elif suffix == ".xyz":
        found = _of_xyz(path, text_lines(path))
    else:
        kind = file_kind(path)
        if kind == "smi" and suffix in KINDS:
            raise InputError(f"{path}: SMILES have no 3-D coordinates; give a file with a bound pose")
        if kind == "smi":
            found = _of_xyz(path, text_lines(path))
            if not len(found):
                raise InputError(f"{path}: is of no format that is read; give PDB, PDBQT, mmCIF, XYZ, MOL2 or SDF")
        elif kind == "pdb":
            found = _of_structure(path)
        else:
            records = read_records(path)
            parts = [_of_mol2(path, one) if kind == "mol2" else _of_mol_block(path, one) for one in records]
            found = np.concatenate(parts) if parts else np.zeros((0, 3))
    if not len(found):
        raise InputError(f"{path}: holds no heavy atom; give a file with a bound pose")
    if len(found) > MAX_ATOMS or not np.isfinite(found).all():
        raise InputError(f"{path}: its coordinates are not those of a ligand; give a file with a bound pose")
    if np.ptp(found[:, 2]) < _FLAT and abs(found[0, 2]) < _FLAT and len(found) > 1:
        raise InputError(f"{path}: is a drawing without 3-D coordinates; give a file with a bound pose")
    return found


def _of_structure(path: Path) -> np.ndarray:
    groups = [one for one in read_structure(path).groups if group_kind(one.name, one.elements) != "water"]
    is_residue = [parent_residue(one.name) is not None and "CA" in one.atom_names for one in groups]
    protein = [one for one, residue in zip(groups, is_residue, strict=True) if residue]
    others = [one for one, residue in zip(groups, is_residue, strict=True) if not residue]
    ligands = [one for one in others if group_kind(one.name, one.elements, one.pos) == "ligand"]
    if protein and ligands:
        names = sorted({one.name for one in ligands})
        if len(names) > 1:
            raise InputError(
                f"{path}: holds a protein and the ligands {', '.join(names[:6])}; give the one in the pocket "
                "in a file of its own"
            )
        return _heavy(ligands[0])
    return np.concatenate([_heavy(one) for one in groups]) if groups else np.zeros((0, 3))


def _heavy(group: Group) -> np.ndarray:
    return group.pos[[element not in ("H", "D") for element in group.elements]]


def _of_xyz(path: Path, lines: Iterable[str]) -> np.ndarray:
    """Atoms of lines `symbol x y z` (or an atomic number, or a name such as C12) of all frames.

    A line with a count is followed by a comment.
    """
    found, comment = [], False
    for line in lines:
        words = line.split()
        if comment:
            comment = False
        elif len(words) == 1 and words[0].isdecimal():
            comment = True
        elif len(words) >= 4 and (is_symbol(words[0].rstrip("0123456789")) or words[0].isdecimal()):
            try:
                place = [float(word) for word in words[1:4]]
            except ValueError:
                continue
            if words[0].rstrip("0123456789").upper() not in ("H", "D") and words[0] != "1":
                found.append(place)
        if len(found) > MAX_ATOMS:
            raise InputError(f"{path}: has more than {MAX_ATOMS} atoms, which no ligand has; give a smaller file")
    return np.array(found, dtype=float).reshape(-1, 3)


def _of_mol2(path: Path, record: Record) -> np.ndarray:
    found, inside = [], False
    for line in record.text.splitlines():
        if line.startswith("@<TRIPOS>"):
            inside = line.startswith("@<TRIPOS>ATOM")
            continue
        words = line.split()
        if inside and len(words) >= 6 and words[5].partition(".")[0].upper() not in ("H", "D", "LP", "DU"):
            try:
                found.append([float(word) for word in words[2:5]])
            except ValueError as error:
                raise InputError(f"{path}: atom {words[0]} has no position; export the file again") from error
    return np.array(found, dtype=float).reshape(-1, 3)


def _of_mol_block(path: Path, record: Record) -> np.ndarray:
    with rdBase.BlockLogs():
        try:
            mol = Chem.MolFromMolBlock(record.text, sanitize=False, removeHs=False, strictParsing=False)
        except (RuntimeError, ValueError) as error:
            raise InputError(f"{path}: molecule {record.number + 1} is not readable; export it again") from error
    if mol is None or not mol.GetNumConformers():
        raise InputError(f"{path}: molecule {record.number + 1} is not readable; export it again")
    part = sorted(ligand_checks.largest_fragment(mol)) if mol.GetNumBonds() else range(mol.GetNumAtoms())
    heavy = [index for index in part if mol.GetAtomWithIdx(index).GetAtomicNum() != 1]
    return np.array(mol.GetConformer().GetPositions(), dtype=np.float64)[heavy]
