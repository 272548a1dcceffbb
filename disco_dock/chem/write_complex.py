"""A receptor and a docked ligand as one PDB file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from string import ascii_letters, digits

import gemmi
import numpy as np
from rdkit import Chem

from disco_dock.chem.receptor import Receptor
from disco_dock.chem.structures.residue_numbers import hybrid36
from disco_dock.runtime.files import atomic_write

MAX_SERIAL, MAX_DECIMAL = 99_999, 9_999
MAX_NUMBER = 1_223_055  # of hybrid-36 in capitals, which all readers of it know
LIGAND_REMARK = "REMARK   1 THE DOCKED LIGAND IS CHAIN "
_CIF_ITEMS = (
    *("group_PDB", "id", "type_symbol", "label_atom_id", "label_alt_id", "label_comp_id", "label_asym_id"),
    *("pdbx_PDB_ins_code", "Cartn_x", "Cartn_y", "Cartn_z", "occupancy", "B_iso_or_equiv", "auth_seq_id"),
    *("auth_asym_id", "pdbx_PDB_model_num"),
)
_Row = tuple[str, str, str, str, int, str, np.ndarray, str]


def write_complex_pdb(path: str | Path, receptor: Receptor, ligand: Chem.Mol, *, resname: str = "LIG") -> None:
    """Write the receptor, its metals, ions, cofactors and other groups, and a ligand with its bonds.

    Groups that are no obstacles are left out. Chains whose names are longer than one letter (mmCIF) get a free letter,
    told in a REMARK, as is the ligand's; residue numbers above 9999 are written in hybrid-36, serial numbers start
    again at 1 after 99999.

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
    groups = receptor.kept_groups
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
    letters = _chain_letters([*receptor.chains, *(group.chain for group in receptor.kept_groups)])
    serial = 0
    free = _free_letter(set(letters.values()))
    yield f"{LIGAND_REMARK}{free}"
    for line in receptor_lines(receptor):
        serial += line.startswith(("ATOM", "HETATM"))
        yield line
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
    residue = resname[:4] if len(resname) > 3 else f"{resname:>3} "
    x, y, z = pos
    return (
        f"{record:<6}{(serial - 1) % MAX_SERIAL + 1:5d} {padded[:4]:<4} {residue}{chain:1}"
        f"{hybrid36(max(-999, min(number, MAX_NUMBER)), 4)}{insertion[:1]:1}   {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00"
        f"          {element.upper():>2}"
    )


def fits_pdb(receptor: Receptor) -> bool:
    """Whether PDB columns hold the names, numbers and atoms of a receptor as they are."""
    groups = receptor.kept_groups
    names = [*receptor.file_names, *(group.name for group in groups)]
    numbers = [*receptor.numbers, *(group.number for group in groups)]
    chains = {*receptor.chains, *(group.chain for group in groups)}
    return (
        max(map(len, names)) <= 3
        and max(numbers) <= MAX_DECIMAL
        and max(map(len, chains)) <= 1
        and len(receptor.atom_names) + sum(len(group.elements) for group in groups) < MAX_SERIAL
    )


def write_complex_cif(path: str | Path, receptor: Receptor, ligand: Chem.Mol, *, resname: str = "LIG") -> None:
    """The same as mmCIF, which holds chain names, residue numbers and atoms of any length and number.

    Args:
        path: file to write, atomically.
        receptor: with atoms in Angstrom.
        ligand: molecule with one conformer in the receptor's frame.
        resname: residue name of the ligand.
    """
    document = gemmi.cif.Document()
    block = document.add_new_block("complex_rank1")
    loop = block.init_loop("_atom_site.", list(_CIF_ITEMS))
    rows = list(_atom_rows(receptor, ligand, resname))
    for serial, (record, name, residue, chain, number, insertion, pos, element) in enumerate(rows, start=1):
        x, y, z = (f"{value:.3f}" for value in pos)
        chain = chain.strip() or "_"
        loop.add_row(
            [
                *(record, str(serial), element.upper(), gemmi.cif.quote(name), ".", gemmi.cif.quote(residue)),
                *(gemmi.cif.quote(chain), insertion or "?", x, y, z, "1.00", "0.00"),
                *(str(number), gemmi.cif.quote(chain), "1"),
            ]
        )
    with atomic_write(Path(path), "w") as file:
        file.write(document.as_string())


def _atom_rows(receptor: Receptor, ligand: Chem.Mol, resname: str) -> Iterator[_Row]:
    """Record, atom, residue, chain, number, insertion code, position and element of every atom of a complex."""
    for atom, residue in enumerate(receptor.atom_residue.tolist()):
        yield (
            *("ATOM", receptor.atom_names[atom], receptor.file_names[residue], receptor.chains[residue]),
            *(receptor.numbers[residue], receptor.insertions[residue], receptor.atom_pos[atom]),
            receptor.atom_elements[atom],
        )
    for group in receptor.kept_groups:
        for name, element, pos in zip(group.atom_names, group.elements, group.pos, strict=True):
            yield "HETATM", name, group.name, group.chain, group.number, group.insertion, pos, element
    counts: dict[str, int] = {}
    free = _free_letter({*receptor.chains, *(group.chain for group in receptor.kept_groups)})
    for atom, pos in zip(ligand.GetAtoms(), ligand.GetConformer().GetPositions(), strict=True):
        element = atom.GetSymbol()
        counts[element] = counts.get(element, 0) + 1
        yield "HETATM", f"{element}{counts[element]}", resname, free, 1, "", pos, element


def _free_letter(taken: set[str]) -> str:
    """A chain letter for the ligand that no chain has."""
    return next((letter for letter in "LXYZ" + ascii_letters + digits if letter not in taken), " ")
