"""Splitting ligand files (SDF, MOL, MOL2, SMILES lists, PDB; also gzipped) into one text record per molecule."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from disco_dock.runtime.errors import InputError

Kind = Literal["sdf", "mol2", "smi", "pdb"]

KINDS: dict[str, Kind] = {
    ".sdf": "sdf",
    ".sd": "sdf",
    ".mol": "sdf",
    ".mdl": "sdf",
    ".mol2": "mol2",
    ".smi": "smi",
    ".smiles": "smi",
    ".ism": "smi",
    ".pdb": "pdb",
    ".ent": "pdb",
}
FOREIGN = frozenset({".cif", ".mmcif", ".pdbqt", ".mae", ".maegz", ".xyz", ".cdx", ".cdxml", ".csv", ".xlsx", ".inchi"})
"""Suffixes of formats that are recognised but not read."""


class Record(NamedTuple):
    """Text of one molecule; `number` counts from 0, `name` is empty when the file gives none."""

    kind: Kind
    number: int
    name: str
    text: str


def suffix_of(path: Path | str) -> str:
    """Lower-case suffix without a trailing ".gz": ".sdf" for "a.SDF.gz"."""
    name = Path(path).name.lower()
    return Path(name.removesuffix(".gz")).suffix


def file_kind(path: Path) -> Kind:
    """Format of a ligand file: by its suffix, else by its first lines.

    Raises:
        InputError: for a format that is not read, a folder, or a file that cannot be opened.
    """
    suffix = suffix_of(path)
    if suffix in KINDS:
        return KINDS[suffix]
    if suffix in FOREIGN:
        raise InputError(f"{path}: ligands in {suffix} format are not read; convert the file to SDF")
    head = []
    for line in _lines(path):
        head.append(line)
        if len(head) == 200:
            break
    if any(line.startswith("@<TRIPOS>") for line in head):
        return "mol2"
    if any(line.startswith(("M  END", "M  V30")) or "V2000" in line or "V3000" in line for line in head):
        return "sdf"
    if any(line.startswith(("ATOM  ", "HETATM")) for line in head):
        return "pdb"
    return "smi"


def read_records(path: Path) -> Iterator[Record]:
    """One record per molecule of a file, in order; an SDF is streamed, never held as a whole.

    Raises:
        InputError: when the file cannot be read or decompressed.
    """
    kind = file_kind(path)
    lines = _lines(path)
    if kind == "sdf":
        return _sdf_records(lines)
    if kind == "mol2":
        return _mol2_records(lines)
    if kind == "smi":
        return smiles_records(lines)
    return iter([Record("pdb", 0, "", "\n".join(lines) + "\n")])


def smiles_records(lines: Iterable[str]) -> Iterator[Record]:
    """One record per line `SMILES [|CXSMILES extension|] [name]`, without blank lines, `#` comments and a header."""
    index = 0
    for number, line in enumerate(lines):
        text = line.lstrip("\ufeff").strip()
        if not text or text.startswith("#"):
            continue
        smiles, _, rest = text.replace("\t", " ").partition(" ")
        if number == 0 and smiles.lower() in ("smiles", "canonical_smiles", "smi"):
            continue
        rest = rest.strip()
        if rest.startswith("|") and "|" in rest[1:]:
            extension, _, rest = rest[1:].partition("|")
            smiles = f"{smiles} |{extension}|"
        yield Record("smi", index, rest.strip(), smiles)
        index += 1


def _sdf_records(lines: Iterable[str]) -> Iterator[Record]:
    """Records between `$$$$` lines; trailing blank text after the last one is no record."""
    block: list[str] = []
    index = 0
    for line in lines:
        if line.startswith("$$$$"):
            yield Record("sdf", index, block[0].strip() if block else "", "\n".join(block) + "\n")
            block = []
            index += 1
        else:
            block.append(line)
    if any(line.strip() for line in block):
        yield Record("sdf", index, block[0].strip(), "\n".join(block) + "\n")


def _mol2_records(lines: Iterable[str]) -> Iterator[Record]:
    """Records starting at `@<TRIPOS>MOLECULE`; comments before the first are dropped."""
    block: list[str] = []
    index = 0
    for line in lines:
        if line.startswith("@<TRIPOS>MOLECULE"):
            if block:
                yield _mol2_record(index, block)
                index += 1
            block = [line]
        elif block:
            block.append(line)
    if block:
        yield _mol2_record(index, block)


def _mol2_record(index: int, block: list[str]) -> Record:
    name = block[1].strip() if len(block) > 1 else ""
    return Record("mol2", index, "" if name == "*****" else name, "\n".join(block) + "\n")


def _lines(path: Path) -> Iterator[str]:
    """Lines of a plain or gzipped text file without line ends; bytes that are not UTF-8 become U+FFFD."""
    try:
        with open(path, "rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        opened = gzip.open(path, "rb") if zipped else open(path, "rb")
        with opened as stream:
            for line in stream:
                yield line.decode("utf-8", errors="replace").rstrip("\r\n")
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise InputError(f"{path}: cannot be read ({reason}); check the file and its permissions") from error
