"""Ligands from the chemical component dictionary: bond orders and charges by atom name."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import gemmi
from rdkit import Chem

from disco_dock.chem.structures.cif_records import MISSING, cif_block, cif_table
from disco_dock.chem.structures.structure_files import read_text
from disco_dock.runtime.errors import InputError

ORDERS = {
    "SING": Chem.BondType.SINGLE,
    "DOUB": Chem.BondType.DOUBLE,
    "TRIP": Chem.BondType.TRIPLE,
    "AROM": Chem.BondType.AROMATIC,
    "DELO": Chem.BondType.AROMATIC,
}
"""Values of `_chem_comp_bond.value_order`."""


class Component(NamedTuple):
    """Heavy atoms of a chemical component.

    Attributes:
        code: residue name, such as "STI".
        names: of the atoms.
        elements: symbol of each atom.
        charges: formal charge of each atom.
        leaving: whether an atom is absent when the component is bound to another.
        bonds: pairs of atom names and their order.
    """

    code: str
    names: tuple[str, ...]
    elements: tuple[str, ...]
    charges: tuple[int, ...]
    leaving: tuple[bool, ...]
    bonds: tuple[tuple[str, str, Chem.BondType], ...]


def read_components(path: Path) -> dict[str, Component]:
    """The components that an mmCIF file describes, by residue name.

    Both a file of the dictionary (one component) and a structure file that carries `_chem_comp_atom` and
    `_chem_comp_bond` are read; a file without them gives an empty dictionary.

    Raises:
        InputError: the file cannot be read.
    """
    block = cif_block(path, read_text(path), "_chem_comp_atom.")
    if block is None or not len(block.find_values("_chem_comp_atom.atom_id")):
        return {}
    if not len(block.find_values("_chem_comp_bond.atom_id_1")):
        return {}
    atoms: dict[str, list[tuple[str, str, int, bool]]] = {}
    for row in _rows(
        path, block, "_chem_comp_atom", ("comp_id", "atom_id", "type_symbol", "charge", "pdbx_leaving_atom_flag")
    ):
        code, name, symbol, charge, leaving = row
        atoms.setdefault(code, []).append((name, symbol.capitalize(), _integer(path, charge), leaving == "Y"))
    bonds: dict[str, list[tuple[str, str, Chem.BondType]]] = {}
    for code, first, second, order in _rows(
        path, block, "_chem_comp_bond", ("comp_id", "atom_id_1", "atom_id_2", "value_order")
    ):
        if order.upper() not in ORDERS:
            raise InputError(f"{path}: bond {first}-{second} of {code} has the order {order!r}; give a SMILES instead")
        bonds.setdefault(code, []).append((first, second, ORDERS[order.upper()]))
    return {code: _component(code, rows, bonds.get(code, [])) for code, rows in atoms.items()}


def _rows(path: Path, block: gemmi.cif.Block, category: str, fields: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Rows of some columns of a category, quotes left out; a column that is absent is "?" throughout."""
    table = cif_table(path, block, f"{category}.")
    place = {tag.partition(".")[2].lower(): index for index, tag in enumerate(table.tags)}
    columns = [list(table.column(place[name])) if name in place else ["?"] * len(table) for name in fields]
    return [tuple(_plain(cell) for cell in row) for row in zip(*columns, strict=True)]


def _plain(cell: str) -> str:
    return cell if cell in MISSING else gemmi.cif.as_string(cell)


def _integer(path: Path, text: str) -> int:
    try:
        return 0 if text in ("?", ".") else int(text)
    except ValueError as error:
        raise InputError(f"{path}: {text!r} is not a formal charge; correct the file") from error


def _component(
    code: str, atoms: list[tuple[str, str, int, bool]], bonds: list[tuple[str, str, Chem.BondType]]
) -> Component:
    heavy = [atom for atom in atoms if atom[1] not in ("H", "D")]
    names = tuple(name for name, *_ in heavy)
    kept = set(names)
    return Component(
        code=code,
        names=names,
        elements=tuple(element for _, element, *_ in heavy),
        charges=tuple(charge for _, _, charge, _ in heavy),
        leaving=tuple(leaving for *_, leaving in heavy),
        bonds=tuple(bond for bond in bonds if bond[0] in kept and bond[1] in kept),
    )
