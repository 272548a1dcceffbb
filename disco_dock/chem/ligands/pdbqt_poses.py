"""Poses of AutoDock Vina and its relatives: the models of a PDBQT file, with bond orders by Meeko or of a SMILES.

Format: https://autodock-vina.readthedocs.io (models, `REMARK VINA RESULT`) and https://meeko.readthedocs.io
(`REMARK SMILES` and `REMARK SMILES IDX`, pairs of an atom's number in the SMILES and its serial in the file).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rdkit import Chem
from rdkit.Chem import rdBase
from rdkit.Geometry import Point3D

from disco_dock.chem.ligands.ligand_files import Record, RecordBlock, text_lines
from disco_dock.chem.structures.atom_elements import VIRTUAL, autodock_element
from disco_dock.runtime.errors import InputError, one_line

RESULT = re.compile(r"REMARK (?:VINA RESULT|minimizedAffinity)[: ]\s*(-?\d+\.?\d*)")


class PdbqtPose(NamedTuple):
    """One model: a record that `prepare_ligand.prepare` understands, and its score in kcal/mol as text, or ""."""

    record: Record
    score: str


class _Atom(NamedTuple):
    serial: int
    element: str
    place: tuple[float, float, float]


def read_pdbqt_poses(path: Path, smiles: str | None) -> Iterator[PdbqtPose]:
    """The models of a file in order; a file without MODEL records is one pose.

    Args:
        path: PDBQT file, also gzipped.
        smiles: the ligand, for files that Meeko did not prepare; it is used where the file has no SMILES of its own.

    Raises:
        InputError: the file cannot be read, has no atoms, or has neither a SMILES nor `smiles`.
    """
    for number, lines in enumerate(_models(path)):
        atoms = list(_atoms(path, lines))
        if not atoms:
            raise InputError(f"{path}: model {number + 1} has no atoms; is it a PDBQT file of docked poses?")
        found = next(filter(None, map(RESULT.match, lines)), None)
        name = next((one_line(line.split("=", 1)[1], 80) for line in lines if line.startswith("REMARK  Name =")), "")
        record = _record(path, number, name, lines, atoms, smiles)
        yield PdbqtPose(record, "" if found is None else found[1])


def _models(path: Path) -> Iterator[list[str]]:
    """Lines of each model."""
    block = RecordBlock(path)
    for line in text_lines(path):
        text = line.rstrip("\r\n")
        if text.startswith("ENDMDL"):
            yield block.lines
            block.restart()
        elif not text.startswith("MODEL"):
            block.add(text)
    if any(line.startswith(("ATOM", "HETATM")) for line in block.lines):
        yield block.lines


def _atoms(path: Path, lines: list[str]) -> Iterator[_Atom]:
    """The heavy atoms of a model."""
    for line in lines:
        if not line.startswith(("ATOM", "HETATM")):
            continue
        kind = line[77:].split()[0] if line[77:].split() else ""
        element = autodock_element(kind)
        if element in ("H", VIRTUAL):
            continue
        if element is None:
            raise InputError(
                f"{path}: {kind!r} is no AutoDock atom type ({one_line(line, 60)!r}); export the poses again"
            )
        try:
            place = (float(line[30:38]), float(line[38:46]), float(line[46:54]))
            yield _Atom(int(line[6:11]), element, place)
        except ValueError as error:
            raise InputError(f"{path}: a line is no atom of a PDBQT file ({one_line(line, 60)!r})") from error


def _record(path: Path, number: int, name: str, lines: list[str], atoms: list[_Atom], smiles: str | None) -> Record:
    """The model as a MOL block where Meeko told the molecule, else as PDB text for a template."""
    told = next((line[len("REMARK SMILES ") :].strip() for line in lines if _tells_smiles(line)), "")
    if told:
        return Record("sdf", number, name, _mol_block(path, number, told, lines, atoms))
    if smiles is None:
        raise InputError(
            f"{path}: a PDBQT file holds no bond orders unless Meeko prepared the ligand; give the molecule with "
            "--ligand"
        )
    return Record("pdb", number, name, _pdb_text(atoms))


def _tells_smiles(line: str) -> bool:
    return line.startswith("REMARK SMILES ") and not line.startswith("REMARK SMILES IDX")


def _mol_block(path: Path, number: int, smiles: str, lines: list[str], atoms: list[_Atom]) -> str:
    """The molecule of a SMILES at the places of the model's atoms."""
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
    numbers = [int(word) for line in lines if line.startswith("REMARK SMILES IDX") for word in line.split()[3:]]
    place = {atom.serial: atom.place for atom in atoms}
    serial = dict(zip(numbers[::2], numbers[1::2], strict=False))
    where = f"{path}: model {number + 1}"
    if mol is None:
        raise InputError(f"{where}: the SMILES of its remark is not readable; give the molecule with --ligand")
    conformer = Chem.Conformer(mol.GetNumAtoms())
    conformer.Set3D(True)
    for atom in range(mol.GetNumAtoms()):
        if serial.get(atom + 1) not in place:
            raise InputError(f"{where}: atom {atom + 1} of its SMILES has no place; export the poses again")
        conformer.SetAtomPosition(atom, Point3D(*place[serial[atom + 1]]))
    mol.AddConformer(conformer, assignId=True)
    return Chem.MolToMolBlock(mol)


def _pdb_text(atoms: list[_Atom]) -> str:
    """The heavy atoms as PDB; bonds are left to proximity."""
    lines = []
    for number, atom in enumerate(atoms, start=1):
        x, y, z = atom.place
        element = atom.element.upper()
        name = f"{element:>2}{number if number < 100 else '':<2}"
        lines.append(
            f"HETATM{number:>5} {name} LIG A   1    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {element:>2}"
        )
    return "\n".join([*lines, "END", ""])
