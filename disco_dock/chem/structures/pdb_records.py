"""PDB, PDBQT and PQR text to atom records: gemmi reads the columns, once what programs write beside is put right."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import gemmi

from disco_dock.chem.hetero_groups import is_water
from disco_dock.chem.structures.atom_elements import (
    VIRTUAL,
    autodock_element,
    element_of_name,
    guessed_element,
    has_known_names,
    is_symbol,
)
from disco_dock.chem.structures.atom_records import AtomRecord
from disco_dock.chem.structures.residue_numbers import FIRST_WIDE, ResidueNumbers, hybrid36
from disco_dock.runtime.errors import InputError, one_line

ATOMS = ("ATOM", "HETATM")
_PLAIN = re.compile(r" *[+-]?[0-9]*\.?[0-9]+ *|-?[0-9]+\. *")


@dataclass(eq=False)
class PdbModel:
    """The atom records of one model as lines that gemmi reads as they are meant.

    Attributes:
        lines: ATOM, HETATM and TER records; serials count from 1.
        elements: of each atom record.
        names: residue names of more than three letters, by the number of the atom record.
        numbers: residue numbers of more than four digits, likewise.
        virtual: records of sites that are no atoms; they are not among the lines.
    """

    lines: list[str] = field(default_factory=list)
    elements: list[str] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    virtual: int = 0

    @property
    def records(self) -> int:
        """ATOM and HETATM records of the model in the file."""
        return len(self.elements) + self.virtual


def pdb_models(path: Path, text: str, *, kind: str) -> list[PdbModel]:
    """The models of a file, records put right.

    Models are those between MODEL and ENDMDL. Where the same atoms come again after END, as in the frames of VMD, these
    are models too; other atoms after END belong to the first.

    Args:
        path: for messages.
        text: content of the file.
        kind: "pdb", "pdbqt" or "pqr".

    Raises:
        InputError: a record cannot be read, with its line.
    """
    blocks = [block for block in _blocks(text) if any(line.startswith(ATOMS) for _, line in block)]
    aligned = _is_aligned(line for block in blocks for _, line in block)
    reader = _LineReader(path, kind, aligned)
    return [reader.model(block) for block in blocks]


def atoms_of(path: Path, model: PdbModel) -> list[AtomRecord]:
    """The atoms of a model in the order of the file.

    Raises:
        InputError: gemmi cannot read the model, or does not find every record in it.
    """
    try:
        structure = gemmi.read_pdb_string("\n".join([*model.lines, "END", ""]), split_chain_on_ter=True)
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"{path}: is not a readable PDB file ({one_line(str(error), 200)}); repair or download it again"
        ) from error
    parts = _parts(model.lines)
    found: list[AtomRecord | None] = [None] * len(model.elements)
    for chain in structure[0] if len(structure) else ():
        for residue in chain:
            number, insertion = residue.seqid.num or 0, residue.seqid.icode.strip()
            name, segment, hetero = residue.name.strip().upper(), residue.segment.strip(), residue.het_flag == "H"
            for atom in residue:
                place = atom.serial - 1
                found[place] = AtomRecord(
                    chain=chain.name.strip(),
                    segment=segment,
                    number=model.numbers.get(place, number),
                    insertion=insertion,
                    residue=model.names.get(place, name),
                    hetero=hetero,
                    name=atom.name,
                    altloc=atom.altloc.strip("\0 "),
                    occupancy=atom.occ,
                    element=model.elements[place],
                    pos=(atom.pos.x, atom.pos.y, atom.pos.z),
                    part=parts[place],
                )
    atoms = [atom for atom in found if atom is not None]
    if len(atoms) != len(found):
        lost = found.index(None)
        raise InputError(
            f"{path}: atom record {lost + 1} is not read by gemmi ({model.lines[lost]!r}); repair the file"
        )
    return atoms


def _parts(lines: Sequence[str]) -> list[int]:
    """How many TER records come before each atom."""
    parts, part = [], 0
    for line in lines:
        if line.startswith("TER"):
            part += 1
        else:
            parts.append(part)
    return parts


def _blocks(text: str) -> Iterator[list[tuple[int, str]]]:
    """Numbered ATOM, HETATM and TER lines of each model."""
    block: list[tuple[int, str]] = []
    pieces: list[tuple[bool, list[tuple[int, str]]]] = []  # whether a MODEL record came before, lines
    modelled = False
    text = text.replace("\r\n", "\n").replace("\r", "\n").encode("ascii", "replace").decode()
    for number, line in enumerate(text.split("\n"), start=1):
        record = line[:6].rstrip().upper()
        if record in ATOMS or record == "TER" or line[:4].upper() == "ATOM":
            block.append((number, line))
        elif record in ("MODEL", "ENDMDL", "END"):
            pieces.append((modelled, block))
            block, modelled = [], record == "MODEL"
    pieces.append((modelled, block))
    pieces = [(known, lines) for known, lines in pieces if lines]
    first = pieces[0] if pieces else (False, [])
    merged = list(first[1])
    shape = _shape(first[1])
    others = []
    for known, lines in pieces[1:]:
        if known or _shape(lines) == shape:
            others.append(lines)
        else:
            merged.extend(lines)
    if merged:
        yield merged
    yield from others


def _shape(lines: Sequence[tuple[int, str]]) -> list[str]:
    """Names of atoms and residues, which two frames of one molecule share."""
    return [line[12:26] for _, line in lines if not line.startswith("TER")]


def _is_aligned(lines: Iterator[str]) -> bool:
    """Whether atom names are written as the format says, with C-alpha in columns 14 and 15."""
    left = right = 0
    for line in lines:
        if line[12:16].strip() in ("CA", "N", "C", "O") and has_known_names(line[17:20].strip().upper()):
            left += line[12:13] != " "
            right += line[12:13] == " "
            if left + right > 50:
                break
    return right >= left


class _LineReader:
    """Turns the records of a file into lines with every field where gemmi looks for it."""

    def __init__(self, path: Path, kind: str, aligned: bool) -> None:
        self._path, self._kind, self._aligned = path, kind, aligned

    def model(self, block: Sequence[tuple[int, str]]) -> PdbModel:
        """The lines of one model."""
        model, numbers = PdbModel(), ResidueNumbers()
        for number, line in block:
            if line[:3].upper() == "TER":
                if model.lines and not model.lines[-1].startswith("TER"):
                    model.lines.append("TER")
                continue
            try:
                self._add(model, numbers, self._columns(line))
            except ValueError as error:
                shown = one_line(line, 60)
                raise InputError(
                    f"{self._path}: is not a readable PDB file (line {number}: {error}: {shown!r}); correct the line"
                ) from error
        return model

    def _columns(self, line: str) -> str:
        """The record in columns; PQR is separated by blanks.

        Raises:
            ValueError: it has no position.
        """
        line = line.expandtabs(8) if "\t" in line else line
        if self._kind == "pqr":
            line = _of_words(line.split()) or line
        if not all(map(_is_number, _coordinates(line))):
            raise ValueError("no position in columns 31 to 54")
        return line

    def _add(self, model: PdbModel, numbers: ResidueNumbers, line: str) -> None:
        line = f"{line.rstrip():<80}"
        record = "HETATM" if line[:6].upper() == "HETATM" else "ATOM  "
        residue, chain = _residue_and_chain(line)
        try:
            number, insertion = numbers.read(line[22:26], line[26], chain, residue)
        except ValueError as error:
            raise ValueError("no residue number in columns 23 to 26") from error
        element = self._element(line[12:16], residue, line)
        if element == VIRTUAL:
            model.virtual += 1
            return
        place = "".join(_fixed(text, 3) for text in _coordinates(line))
        if len(place) != 24 or not all(math.isfinite(float(text)) for text in _coordinates(line)):
            label = f"{chain.strip() or '_'}:{residue}{number}{insertion}"
            raise InputError(
                f"{self._path}: atom {line[12:16].strip()} of {label} has the position {_coordinates(line)}; correct "
                "or remove it"
            )
        occupancy = _fixed(line[54:60], 2) if self._kind != "pqr" and _is_number(line[54:60]) else "  1.00"
        segment = line[72:76] if self._kind == "pdb" else "    "
        if len(residue) > 3:
            model.names[len(model.elements)] = residue
        if number >= FIRST_WIDE:
            model.numbers[len(model.elements)] = number
        model.elements.append(element)
        model.lines.append(
            f"{record}{hybrid36(len(model.elements), 5)} {line[12:16]}{line[16]}{residue[:3]:>3}{chain:>2}"
            f"{number % FIRST_WIDE if number > 0 else number:4d}{insertion or ' '}   {place}{occupancy}  0.00      "
            f"{segment}{element.upper():>2}"
        )

    def _element(self, padded: str, residue: str, line: str) -> str:
        """Symbol of an atom, `VIRTUAL` for a site that is none, "X" where it cannot be told."""
        by_name = element_of_name(padded, residue) if has_known_names(residue) else None
        if self._kind == "pdbqt":
            return by_name or autodock_element(line[77:80].strip()) or guessed_element(padded, residue, aligned=True)
        letters = re.match(r"[A-Za-z]*", line[76:78].strip())
        column = letters.group() if letters and self._kind == "pdb" else ""
        column = column if is_symbol(column) else ""
        if by_name == VIRTUAL and column:
            return column.capitalize()
        if by_name is not None:
            return by_name if by_name != "H" or column.upper() != "D" else "D"
        return column.capitalize() or guessed_element(padded, residue, aligned=self._aligned)


def _of_words(words: Sequence[str]) -> str | None:
    """A PQR record (name, serial, atom, residue, [chain], number, x, y, z, charge, radius) in columns, or None."""
    words = list(words)
    if words and words[0].upper().startswith("HETATM") and len(words[0]) > 6:
        words[:1] = [words[0][:6], words[0][6:]]
    if len(words) > 10 and not _is_number(words[-1]):
        words.pop()  # an element behind the radius
    head, tail = words[:-5], words[-5:]
    if len(head) not in (5, 6) or head[0].upper() not in ATOMS or not all(map(_is_number, tail)):
        return None
    record, _, name, residue, *place = head
    number = re.fullmatch(r"([A-Za-z]?)(-?[0-9]+)([A-Za-z]?)", place[-1])
    chain = place[0] if len(place) == 2 else ""
    if number is None or len(name) > 4 or len(residue) > 4 or len(chain) > 1:
        return None
    try:
        where = f"{chain or number[1] or ' '}{hybrid36(int(number[2]), 4)}{number[3] or ' '}"
    except ValueError:
        return None
    padded = name if len(name) == 4 else f" {name}"
    place = "".join(f"{float(word):8.3f}" for word in tail[:3])
    return f"{record.upper():<6}    1 {padded:<4} {residue:<4}{where}   {place}"


def is_separated(lines: Sequence[str]) -> bool:
    """Whether atom records have their fields between blanks, as PQR, and few have them in the columns of PDB."""
    words = [line.split() for line in lines]
    if not all(map(_of_words, words)):
        return False
    in_columns = sum(
        all(map(_is_number, _coordinates(line)))
        and line[12:16].strip() == fields[2]
        and line[17:20].strip() in (fields[3][:3], fields[3][-3:])  # an alternate location may stand before it
        for line, fields in zip(lines, words, strict=True)
    )
    return 2 * in_columns < len(lines)


def _residue_and_chain(line: str) -> tuple[str, str]:
    """Residue name and two columns of the chain; names of four letters reach into the first of them.

    Raises:
        ValueError: there is no name.
    """
    three, four = line[17:20].strip().upper(), line[17:21].strip().upper()
    if not four:
        raise ValueError("no residue name in columns 18 to 20")
    if line[20] == " ":
        return three, line[20:22]
    terminal = four[0] in "NC" and has_known_names(four[1:]) and len(four) == 4
    if four == "HEME":  # CHARMM
        return four, f" {line[21]}"
    known = has_known_names(three) or gemmi.find_tabulated_residue(three).found()
    if len(four) == 4 and (terminal or is_water(four) or not known):
        return four, f" {line[21]}"
    return three, line[20:22]


def _coordinates(line: str) -> tuple[str, str, str]:
    return line[30:38], line[38:46], line[46:54]


def _fixed(text: str, digits: int) -> str:
    """A number of a column as gemmi reads it: exponents are written out; longer than the column if it does not fit."""
    if _PLAIN.fullmatch(text):
        return text
    return f"{float(text):{len(text) if digits == 2 else 8}.{digits}f}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
