"""A receptor and a docked ligand as one PDB file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from string import ascii_letters, digits

import numpy as np
from rdkit import Chem

from disco_dock.chem.receptor import HeteroGroup, Receptor
from disco_dock.runtime.files import atomic_write

MAX_SERIAL, MAX_NUMBER = 99_999, 9_999


def write_complex_pdb(path: str | Path, receptor: Receptor, ligand: Chem.Mol, *, resname: str = "LIG") -> None:
    """Write the receptor, its metals, ions, cofactors and other groups, and a ligand with its bonds.

    Co-crystallised ligands are left out: the docked one stands for them. Chains whose names are longer than one letter
    (mmCIF) get a free letter, told in a REMARK; serial numbers start again at 1 after 99999.

    Args:
        path: file to write, atomically.
        receptor: with atoms in Angstrom.
        ligand: molecule with one conformer in the receptor's frame.
        resname: residue name of the ligand.
    """
    with atomic_write(Path(path), "w") as file:
        file.writelines(line + "\n" for line in _lines(receptor, ligand, resname))


def write_receptor_pdb(path: str | Path, receptor: Receptor) -> None:
    """Write the receptor with its metals, ions, cofactors and other groups, without any ligand.

    Args:
        path: file to write, atomically.
        receptor: with atoms in Angstrom.
    """
    with atomic_write(Path(path), "w") as file:
        file.writelines(line + "\n" for line in (*receptor_lines(receptor), "END"))


def residue_lines(receptor: Receptor, residues: Sequence[int]) -> Iterator[str]:
    """PDB lines of the heavy atoms of some residues, numbered from 1 in chain A, without the rest of the chain."""
    for atom in np.flatnonzero(np.isin(receptor.atom_residue, residues)).tolist():
        residue, element = int(receptor.atom_residue[atom]), receptor.atom_elements[atom]
        if element.strip().upper() in ("H", "D"):
            continue
        name, number = receptor.atom_names[atom], int(np.searchsorted(residues, residue)) + 1
        place = ("A", number, "", receptor.atom_pos[atom], element)
        yield _atom_line("ATOM", atom + 1, name, receptor.names[residue], *place)


def receptor_lines(receptor: Receptor) -> Iterator[str]:
    """PDB lines of the receptor with its metals, ions, cofactors and other groups, without any ligand."""
    groups = _kept_groups(receptor)
    letters = _chain_letters([*receptor.chains, *(group.chain for group in groups)])
    yield "REMARK   1 DOCKED COMPLEX WRITTEN BY DISCO-DOCK"
    for chain, letter in letters.items():
        if chain.strip() != letter.strip():
            yield f"REMARK   1 CHAIN {chain} OF THE RECEPTOR IS CHAIN {letter} HERE"
    serial, previous = 0, None
    for atom, residue in enumerate(receptor.atom_residue.tolist()):
        chain = receptor.chains[residue]
        if previous is not None and chain != previous:
            yield "TER"
        previous, serial = chain, serial + 1
        yield _atom_line(
            "ATOM",
            serial,
            receptor.atom_names[atom],
            receptor.file_names[residue],
            letters[chain],
            receptor.numbers[residue],
            receptor.insertions[residue],
            receptor.atom_pos[atom],
            receptor.atom_elements[atom],
        )
    yield "TER"
    for group in groups:
        for name, element, pos in zip(group.atom_names, group.elements, group.pos, strict=True):
            serial += 1
            place = (letters[group.chain], group.number, group.insertion)
            yield _atom_line("HETATM", serial, name, group.name, *place, pos, element)


def _lines(receptor: Receptor, ligand: Chem.Mol, resname: str) -> Iterator[str]:
    letters = _chain_letters([*receptor.chains, *(group.chain for group in _kept_groups(receptor))])
    serial = 0
    for line in receptor_lines(receptor):
        serial += line.startswith(("ATOM", "HETATM"))
        yield line
    free = next(letter for letter in "LXYZ" + ascii_letters + digits + " " if letter not in letters.values())
    counts: dict[str, int] = {}
    first = serial + 1
    for atom, pos in zip(ligand.GetAtoms(), ligand.GetConformer().GetPositions(), strict=True):
        serial += 1
        element = atom.GetSymbol()
        counts[element] = counts.get(element, 0) + 1
        yield _atom_line("HETATM", serial, f"{element}{counts[element]}", resname, free, 1, "", pos, element)
    for atom in ligand.GetAtoms():
        partners = sorted(first + other.GetIdx() for other in atom.GetNeighbors())
        for start in range(0, len(partners), 4):
            numbers = (first + atom.GetIdx(), *partners[start : start + 4])
            if max(numbers) <= MAX_SERIAL:
                yield "CONECT" + "".join(f"{number:5d}" for number in numbers)
    yield "END"


def _kept_groups(receptor: Receptor) -> list[HeteroGroup]:
    return [group for group in receptor.context if group.kind != "ligand"]


def _chain_letters(chains: list[str]) -> dict[str, str]:
    """One letter for each chain: its own when it has one."""
    names = list(dict.fromkeys(chains))
    taken = {name for name in names if len(name) == 1}
    free = (letter for letter in ascii_letters + digits if letter not in taken)
    return {name: name if len(name) == 1 else next(free, " ") for name in names}


def _atom_line(
    record: str,
    serial: int,
    name: str,
    resname: str,
    chain: str,
    number: int,
    insertion: str,
    pos: np.ndarray,
    element: str,
) -> str:
    padded = name if len(name) >= 4 or len(element) == 2 else f" {name}"
    x, y, z = pos
    return (
        f"{record:<6}{(serial - 1) % MAX_SERIAL + 1:5d} {padded[:4]:<4} {resname[:3]:>3} {chain:1}"
        f"{max(-999, min(number, MAX_NUMBER)):4d}{insertion[:1]:1}   {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          "
        f"{element.upper():>2}"
    )
