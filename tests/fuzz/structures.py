"""PDB and mmCIF: valid files, and edits that know columns, records, loops and quotes."""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path
from random import Random

from tests.fuzz.edits import ODD_NUMBERS, ODD_TEXT, Edit
from tests.support.structures import chain, cif_text, hetero, pdb_text, residue

EXAMPLE = Path(__file__).parents[2] / "data" / "examples" / "1ia1" / "protein.pdb.gz"
PDB_COLUMNS = (
    *((0, 6), (6, 11), (12, 16), (16, 17), (17, 20), (21, 22), (22, 26), (26, 27), (30, 38), (38, 46), (46, 54)),
    *((54, 60), (60, 66), (76, 78), (78, 80)),
)
PDB_RECORDS = (
    *(b"MODEL        1", b"MODEL", b"MODEL     9999", b"ENDMDL", b"TER", b"END", b"ANISOU", b"HETATM", b"ATOM"),
    *(b"CONECT    1    2", b"SEQRES", b"HEADER", b"REMARK 465", b"SIGATM", b"CRYST1", b"ATOM  *****"),
)


@lru_cache(maxsize=1)
def atoms():
    """A peptide of two chains with alternate locations, an insertion code, a metal, water and a ligand."""
    base = chain(["GLY", "ALA", "SER", "VAL", "TRP", "ASP", "HIS"]) + chain(["LYS", "GLY", "CYS"], "B", offset=12.0)
    low = [atom._replace(altloc="A", occupancy=0.4) for atom in residue("SER", "A", 8, 7)]
    high = [atom._replace(altloc="B", occupancy=0.6, residue="THR") for atom in low]
    inserted = residue("GLY", "A", 8, 8, insertion="A") + residue("MSE", "A", 9, 9, hetero=True)
    others = hetero("ZN", "A", 301, [("ZN", "ZN")], (3.0, 25.0, 0.0)) + hetero("HOH", "A", 501, [("O", "O")])
    ligand = hetero("LIG", "A", 401, [(f"C{k}", "C") for k in range(8)], (0.0, 35.0, 0.0))
    return base + low + high + inserted + others + ligand


COMPONENT = """loop_
_chem_comp_atom.comp_id
_chem_comp_atom.atom_id
_chem_comp_atom.type_symbol
_chem_comp_atom.charge
_chem_comp_atom.pdbx_leaving_atom_flag
{atoms}
loop_
_chem_comp_bond.comp_id
_chem_comp_bond.atom_id_1
_chem_comp_bond.atom_id_2
_chem_comp_bond.value_order
{bonds}
#
"""


def component(header: str = "data_LIG\n") -> str:
    """The ligand of `atoms` as a chemical component."""
    rows = "\n".join(f"LIG C{k} C 0 N" for k in range(8))
    bonds = "\n".join(f"LIG C{k} C{k + 1} SING" for k in range(7))
    return header + COMPONENT.format(atoms=rows, bonds=bonds)


@lru_cache(maxsize=1)
def pdb_seeds() -> tuple[bytes, ...]:
    """Valid PDB files."""
    models = [atom._replace(model=model) for model in (1, 2) for atom in atoms()]
    real = b"\n".join(gzip.decompress(EXAMPLE.read_bytes()).split(b"\n")[:400])
    return pdb_text(atoms()).encode(), pdb_text(models).encode(), real


@lru_cache(maxsize=1)
def cif_seeds() -> tuple[bytes, ...]:
    """Valid mmCIF files, the second with its ligand's component."""
    models = [atom._replace(model=model) for model in (1, 2) for atom in atoms()]
    extra = "_entry.id 'made up'\n_struct.title\n;a title\nof two lines\n;\n#\n"
    return tuple(
        text.encode() for text in (cif_text(atoms()) + extra, cif_text(atoms()) + component(""), cif_text(models))
    )


def pdb_field(data: bytes, rng: Random) -> bytes:
    """A column of an atom replaced, of the same width or not."""
    lines = data.split(b"\n")
    number = rng.randrange(len(lines))
    start, end = rng.choice(PDB_COLUMNS)
    value = rng.choice((*ODD_NUMBERS, *ODD_TEXT, b"CA", b"N", b"C", b"A", b"B", b"UNK", b"HOH", b"1", b"-5"))
    if rng.random() < 0.8:
        value = value[: end - start].rjust(end - start)
    lines[number] = lines[number][:start] + value + lines[number][end:]
    return b"\n".join(lines)


def pdb_column(data: bytes, rng: Random) -> bytes:
    """A column of every atom replaced by one value, or exchanged with another column."""
    start, end = rng.choice(PDB_COLUMNS)
    width = end - start
    value = rng.choice((*ODD_NUMBERS, *ODD_TEXT, b"CA", b"A", b"UNK", b"1"))[:width].rjust(width)
    other = rng.choice(PDB_COLUMNS)[0] if rng.random() < 0.3 else None
    lines = []
    for line in data.split(b"\n"):
        if line.startswith((b"ATOM", b"HETATM")) and len(line) >= end:
            filling = value if other is None else line[other : other + width].ljust(width)
            line = line[:start] + filling + line[end:]
        lines.append(line)
    return b"\n".join(lines)


def pdb_record(data: bytes, rng: Random) -> bytes:
    """A record put in, or records turned from ATOM into HETATM and back."""
    lines = data.split(b"\n")
    if rng.random() < 0.6:
        lines.insert(rng.randint(0, len(lines)), rng.choice(PDB_RECORDS))
        return b"\n".join(lines)
    share = rng.random()
    turned = {b"ATOM  ": b"HETATM", b"HETATM": b"ATOM  "}
    return b"\n".join(turned.get(line[:6], line[:6]) + line[6:] if rng.random() < share else line for line in lines)


def pdb_repeat_atoms(data: bytes, rng: Random) -> bytes:
    """All atoms again, under the same numbers, in another chain or at another altloc."""
    lines = [line for line in data.split(b"\n") if line.startswith((b"ATOM", b"HETATM"))]
    start, value = rng.choice(((21, b"Z"), (16, b"Q"), (26, b"X"), (21, b" "), (0, b"A")))
    again = [line[:start] + value + line[start + 1 :] for line in lines]
    return data + b"\n" + b"\n".join(again) * rng.choice((1, 3)) + b"\n"


def cif_words(data: bytes, rng: Random) -> bytes:
    """A value of a row quoted, unquoted, made a text block, dropped or doubled."""
    lines = data.split(b"\n")
    number = rng.randrange(len(lines))
    words = lines[number].split(b" ")
    position = rng.randrange(len(words))
    word = words[position]
    words[position] = rng.choice(
        (
            *(b"'" + word, b"'" + word + b"'", b'"' + word + b'"', b"\n;" + word + b"\n;\n", b"\n;" + word, b"", b"."),
            *(word + b" " + word, b"?", b"'a b", b"loop_", b"data_x", b"save_", b"_x.y", b"#", b"stop_", b"global_"),
        )
    )
    lines[number] = b" ".join(words)
    return b"\n".join(lines)


def cif_header(data: bytes, rng: Random) -> bytes:
    """A column name dropped, repeated, renamed or exchanged with another; or a loop begun twice."""
    lines = data.split(b"\n")
    names = [number for number, line in enumerate(lines) if line.startswith((b"_", b"loop_", b"data_"))]
    if not names:
        return data
    first, second = rng.choice(names), rng.choice(names)
    kind = rng.randrange(4)
    if kind == 0:
        del lines[first]
    elif kind == 1:
        lines.insert(second, lines[first])
    elif kind == 2:
        lines[first] += rng.choice((b"x", b" 1", b".", b" ?"))
    else:
        lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


PDB_EDITS: tuple[Edit, ...] = (pdb_field, pdb_field, pdb_column, pdb_record, pdb_repeat_atoms)
CIF_EDITS: tuple[Edit, ...] = (cif_words, cif_words, cif_header)
