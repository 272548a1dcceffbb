"""Columns of SDF and PDB records that programs fill in ways of their own, put so that RDKit reads what is meant."""

from __future__ import annotations

import re

from rdkit import Chem
from rdkit.Chem import rdBase

from disco_dock.chem.ligands.ligand_checks import is_nitroxide_oxygen

_HYDROGENS, _CARE, _VALENCE = slice(42, 45), slice(45, 48), slice(48, 51)
_TOPOLOGY = slice(15, 18)
_ATOMS = ("ATOM", "HETATM")
_COUNTS = re.compile(r"(?<=\S) +HCOUNT=-?[0-9]+(?=\s)")  # V3000
_VALENCES = re.compile(r"(?<=\S) +VAL=-?[0-9]+(?=\s)")


def without_query_columns(text: str, notes: list[str]) -> str:
    """A MOL block without counts of hydrogens (X-TOOL) and without valences that make its atoms radicals.

    The count of hydrogens is a query for RDKit, and X-TOOL's valence is a number of neighbours. Open Babel writes the
    valence that a molecule without hydrogens has, so that each atom would be a radical.

    Args:
        text: MOL block with its data items.
        notes: gets a sentence when hydrogens are restored.
    """
    lines = text.splitlines()
    if len(lines) > 4 and "V3000" in lines[3][:39]:
        text = _COUNTS.sub("", text)
        return _with_hydrogens(text, _VALENCES.sub("", text), notes) if _VALENCES.search(text) else text
    if len(lines) < 4 or not lines[3][:3].strip().isdecimal():
        return text
    rows = range(4, min(4 + int(lines[3][:3]), len(lines)))
    bonds = range(rows.stop, min(rows.stop + _number(lines[3][3:6]), len(lines)))
    if any(_number(lines[row][_TOPOLOGY]) for row in bonds):  # ring or chain, a query too
        lines = [line[: _TOPOLOGY.start] if row in bonds else line for row, line in enumerate(lines)]
        text = "\n".join(lines) + "\n"
    if any(_number(lines[row][_HYDROGENS]) for row in rows):
        return _cleared(lines, rows)
    if not any(_number(lines[row][_VALENCE]) for row in rows):
        return text
    return _with_hydrogens(text, _cleared(lines, rows), notes)


def _with_hydrogens(text: str, cleared: str, notes: list[str]) -> str:
    """The block without its valences where these make radicals of atoms that are not declared to be some."""
    found = _radicals(text)
    declared = _declared_radicals(text.splitlines())
    undeclared = [atom for atom in found if atom.GetIdx() + 1 not in declared]
    if not undeclared or all(map(is_nitroxide_oxygen, found)):
        return text
    if len(_radicals(cleared)) >= len(found):
        return text
    notes.append(f"hydrogens are restored at {len(undeclared)} atoms that the file's valence column leaves without")
    return cleared


def _declared_radicals(lines: list[str]) -> set[int]:
    """Numbers of the atoms that `M  RAD` lines name."""
    return {int(word) for line in lines if line.startswith("M  RAD") for word in line.split()[3::2] if word.isdecimal()}


def _number(text: str) -> int:
    return int(text) if text.strip().isdecimal() else 0


def _cleared(lines: list[str], rows: range) -> str:
    """The block with the columns of hydrogen counts, stereo care and valence of its atoms at 0."""
    changed = list(lines)
    for row in rows:
        line = f"{lines[row]:<51}"
        changed[row] = f"{line[: _HYDROGENS.start]}  0  0  0{line[_VALENCE.stop :]}".rstrip()
    return "\n".join(changed) + "\n"


def _radicals(text: str) -> list[Chem.Atom]:
    """Atoms with unpaired electrons, none for a block that cannot be read."""
    with rdBase.BlockLogs():
        try:
            mol = Chem.MolFromMolBlock(text, removeHs=False)
        except (RuntimeError, ValueError):
            return []
    return [] if mol is None else [atom for atom in mol.GetAtoms() if atom.GetNumRadicalElectrons()]


def one_location(text: str, notes: list[str]) -> str:
    """A PDB ligand with one alternate location: that of the highest occupancy, the first letter of equal ones."""
    lines = text.splitlines()
    occupancy: dict[str, float] = {}
    for line in lines:
        if line.startswith(_ATOMS) and line[16:17].strip():
            try:
                share = float(line[54:60])
            except ValueError:
                share = 1.0
            occupancy[line[16]] = occupancy.get(line[16], 0.0) + share
    if not occupancy:
        return text
    best = min(occupancy, key=lambda letter: (-round(occupancy[letter], 3), letter))
    if len(occupancy) > 1:
        notes.append(f"alternate location {best} of the ligand is used")
    kept = [
        f"{line[:16]} {line[17:]}" if line.startswith(_ATOMS) else line
        for line in lines
        if not line.startswith(_ATOMS) or line[16:17] in ("", " ", best)
    ]
    return "\n".join(kept) + "\n"
