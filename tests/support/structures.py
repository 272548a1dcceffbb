"""Structure files as text: PDB lines from plain values, and the same as mmCIF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Atom(NamedTuple):
    """One atom record; `pos` in Angstrom."""

    name: str
    residue: str
    chain: str
    number: int
    pos: tuple[float, float, float]
    element: str = "C"
    hetero: bool = False
    altloc: str = ""
    insertion: str = ""
    occupancy: float = 1.0
    model: int = 1


BACKBONE = (
    ("N", "N", (0.0, 0.0, 0.0)),
    ("CA", "C", (1.46, 0.0, 0.0)),
    ("C", "C", (2.0, 1.4, 0.0)),
    ("O", "O", (1.3, 2.4, 0.0)),
)
STEP = np.array([3.3, 1.4, 0.6])  # Angstrom between residues; C and the next N are 1.43 apart


def residue(name: str, chain: str, number: int, place: int, **options) -> list[Atom]:
    """Backbone atoms of the residue at a place of a straight chain."""
    shift = place * STEP
    return [
        Atom(atom, name, chain, number, tuple(np.array(pos) + shift), element, **options)
        for atom, element, pos in BACKBONE
    ]


def chain(names: Sequence[str], letter: str = "A", start: int = 1, offset: float = 0.0) -> list[Atom]:
    """A chain of residues numbered from `start`, moved along y by `offset` Angstrom."""
    atoms = [atom for place, name in enumerate(names) for atom in residue(name, letter, start + place, place)]
    return [atom._replace(pos=(atom.pos[0], atom.pos[1] + offset, atom.pos[2])) for atom in atoms]


def hetero(name: str, chain: str, number: int, atoms: Sequence[tuple[str, str]], place=(0.0, 30.0, 0.0)) -> list[Atom]:
    """A HETATM group with (name, element) atoms 1.4 Angstrom apart."""
    return [
        Atom(atom, name, chain, number, (place[0] + 1.4 * k, place[1], place[2]), element, hetero=True)
        for k, (atom, element) in enumerate(atoms)
    ]


def pdb_text(atoms: Sequence[Atom]) -> str:
    """The atoms as PDB; several models when they are numbered so."""
    lines: list[str] = []
    models = sorted({atom.model for atom in atoms})
    for model in models:
        if len(models) > 1:
            lines.append(f"MODEL     {model:4d}")
        for serial, atom in enumerate((one for one in atoms if one.model == model), start=1):
            record = "HETATM" if atom.hetero else "ATOM  "
            name = atom.name if len(atom.name) >= 4 or len(atom.element) == 2 else f" {atom.name}"
            x, y, z = atom.pos
            lines.append(
                f"{record}{serial:5d} {name:<4}{atom.altloc or ' ':1}{atom.residue:>3} {atom.chain:1}{atom.number:4d}"
                f"{atom.insertion or ' ':1}   {x:8.3f}{y:8.3f}{z:8.3f}{atom.occupancy:6.2f}  0.00"
                f"          {atom.element:>2}"
            )
        if len(models) > 1:
            lines.append("ENDMDL")
    return "\n".join([*lines, "END", ""])


COLUMNS = (
    *("group_PDB", "id", "type_symbol", "label_atom_id", "label_alt_id", "label_comp_id", "label_asym_id"),
    *("label_entity_id", "label_seq_id", "pdbx_PDB_ins_code", "Cartn_x", "Cartn_y", "Cartn_z", "occupancy"),
    *("B_iso_or_equiv", "auth_seq_id", "auth_comp_id", "auth_asym_id", "auth_atom_id", "pdbx_PDB_model_num"),
)


def cif_text(atoms: Sequence[Atom]) -> str:
    """The atoms as mmCIF."""
    lines = ["data_made", "loop_", *(f"_atom_site.{column}" for column in COLUMNS)]
    for serial, atom in enumerate(atoms, start=1):
        values = [
            "HETATM" if atom.hetero else "ATOM",
            serial,
            atom.element,
            atom.name,
            atom.altloc or ".",
            atom.residue,
            atom.chain,
            1,
            "." if atom.hetero else atom.number,
            atom.insertion or "?",
            *(f"{value:.3f}" for value in atom.pos),
            atom.occupancy,
            0.0,
            atom.number,
            atom.residue,
            atom.chain,
            atom.name,
            atom.model,
        ]
        lines.append(" ".join(map(str, values)))
    return "\n".join([*lines, "#", ""])
