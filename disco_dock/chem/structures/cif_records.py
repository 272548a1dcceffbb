"""mmCIF text to atom records: whatever subset of the optional items of `atom_site` it has."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import gemmi
import numpy as np

from disco_dock.chem.structures.atom_elements import (
    VIRTUAL,
    element_of_name,
    guessed_element,
    has_known_names,
    is_symbol,
)
from disco_dock.chem.structures.atom_records import AtomRecord
from disco_dock.runtime.errors import InputError, one_line

MISSING = ("", ".", "?")
LONGEST_BOND = 1.95  # Angstrom


def cif_block(path: Path, text: str, category: str) -> gemmi.cif.Block | None:
    """The first data block with a category of items, such as "_atom_site."; None when there is none.

    Raises:
        InputError: the text is not mmCIF.
    """
    try:
        document = gemmi.cif.read_string(text)
        for block in document:
            if block.get_mmcif_category_names() and block.find_mmcif_category(category):
                return block
    except (RuntimeError, ValueError) as error:  # also for a loop with tags of two categories
        reason = one_line(str(error).removeprefix("string:"), 200)
        raise InputError(f"{path}: is not a readable mmCIF file ({reason}); repair or download it again") from error
    return None


def cif_table(path: Path, block: gemmi.cif.Block, category: str) -> gemmi.cif.Table:
    """The items of a category, such as "_atom_site.".

    Raises:
        InputError: they stand in a loop with those of another category.
    """
    try:
        return block.find_mmcif_category(category)
    except RuntimeError as error:
        reason = one_line(str(error), 200)
        raise InputError(f"{path}: is not a readable mmCIF file ({reason}); download it again") from error


def cif_atoms(path: Path, text: str) -> tuple[list[list[AtomRecord]], int]:
    """The atoms of each model, and the number of records that are sites without an atom.

    Author's chains, numbers and names come before the dictionary's; an atom needs coordinates and a name.

    Raises:
        InputError: the text is not mmCIF, or a value is not what the dictionary says.
    """
    block = cif_block(path, text, "_atom_site.")
    if block is None:
        return [], 0
    table = cif_table(path, block, "_atom_site.")
    tags = {tag.partition(".")[2].lower(): index for index, tag in enumerate(table.tags)}
    columns: dict[str, list[str]] = {}

    def column(*names: str, default: str = "") -> list[str]:
        """The first given value of each row, over columns in the order of preference."""
        key = " ".join(names)
        if key not in columns:
            found = [list(table.column(tags[name])) for name in names if name in tags]
            columns[key] = [_first(row, default) for row in zip(*found, strict=True)] if found else [default] * rows
        return columns[key]

    rows = len(table)
    places = [column(f"cartn_{axis}") for axis in "xyz"]
    if any(f"cartn_{axis}" not in tags for axis in "xyz"):
        raise InputError(f"{path}: has no _atom_site.Cartn_x, _y and _z; give a file with Cartesian coordinates")
    names, residues = column("label_atom_id", "auth_atom_id"), column("label_comp_id", "auth_comp_id")
    if not any(names) or not any(residues):
        what = "label_atom_id" if not any(names) else "label_comp_id"
        raise InputError(f"{path}: has no _atom_site.{what}; give a file that names its atoms and residues")
    chains = column("auth_asym_id", "label_asym_id")
    records, symbols = column("group_pdb"), column("type_symbol")
    insertions, altlocs = column("pdbx_pdb_ins_code"), column("label_alt_id")
    occupancies, model_numbers = column("occupancy", default="1"), column("pdbx_pdb_model_num", default="1")
    numbers = column("auth_seq_id", "label_seq_id")
    if not all(numbers):
        numbers = _numbered([*zip(model_numbers, chains, residues, names, strict=True)], numbers, places)
    models: dict[str, list[AtomRecord]] = {}
    virtual = 0
    for row in range(rows):
        residue, name = residues[row].upper(), names[row]
        label = f"atom {name or row + 1} of {chains[row] or '_'}:{residue}{numbers[row]}"
        element = _element(symbols[row], name, residue)
        if element == VIRTUAL:
            virtual += 1
            continue
        pos = tuple(_number(path, label, "position", axis[row]) for axis in places)
        models.setdefault(model_numbers[row], []).append(
            AtomRecord(
                chain=chains[row],
                segment="",
                number=_integer(path, label, numbers[row]),
                insertion=insertions[row],
                residue=residue,
                hetero=records[row].upper() == "HETATM" if records[row] else not has_known_names(residue),
                name=name,
                altloc=altlocs[row],
                occupancy=_number(path, label, "occupancy", occupancies[row]),
                element=element,
                pos=(pos[0], pos[1], pos[2]),
                part=0,
            )
        )
    return list(models.values()), virtual


def _numbered(
    atoms: Sequence[tuple[str, str, str, str]], numbers: Sequence[str], places: Sequence[Sequence[str]]
) -> list[str]:
    """Residue numbers with those that are not given: one more than the largest of the chain for each residue.

    A residue begins with another model, chain or name, or where its first atom's name comes again: that of an amino
    acid, or of a molecule that no bond joins to the one before.

    Args:
        atoms: model, chain, residue and atom name of each row.
        numbers: of each row, "" where it is not given.
        places: x, y and z of each row.
    """
    largest: dict[tuple[str, str], int] = {}
    for (model, chain, *_), text in zip(atoms, numbers, strict=True):
        if text.lstrip("-").isdecimal():
            largest[model, chain] = max(largest.get((model, chain), 0), int(text))
    found, owner, first, points = [], None, "", np.zeros((0, 3))
    for (model, chain, residue, name), text, place in zip(atoms, numbers, zip(*places, strict=True), strict=True):
        if text:
            found.append(text)
            owner = None
            continue
        point = np.array([gemmi.cif.as_number(value) for value in place])
        again = name == first and (
            has_known_names(residue) or not (np.linalg.norm(points - point, axis=1) < LONGEST_BOND).any()
        )
        if owner != (model, chain, residue) or again:
            owner, first, points = (model, chain, residue), name, np.zeros((0, 3))
            largest[model, chain] = largest.get((model, chain), 0) + 1
        points = np.concatenate([points, point[None]])
        found.append(str(largest[model, chain]))
    return found


def _first(values: tuple[str, ...], default: str) -> str:
    """The first value that is given, without its quotes."""
    for value in values:
        if value not in MISSING:
            return gemmi.cif.as_string(value).strip() if value[0] in "'\";" else value
    return default


def _element(symbol: str, name: str, residue: str) -> str:
    symbol = symbol.rstrip("0123456789+-")
    if is_symbol(symbol):
        return symbol.capitalize()
    by_name = element_of_name(name, residue) if has_known_names(residue) else None
    return by_name or guessed_element(name, residue, aligned=False)


def _number(path: Path, label: str, what: str, text: str, read: Callable[[str], float] = gemmi.cif.as_number) -> float:
    """A number, its standard uncertainty in brackets left out."""
    value = read(text)
    if not math.isfinite(value):
        raise InputError(f"{path}: {label} has the {what} {one_line(text, 40)!r}; correct or remove it")
    return value


def _integer(path: Path, label: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise InputError(
            f"{path}: {label} has the residue number {one_line(text, 40)!r}; write a whole number"
        ) from error
