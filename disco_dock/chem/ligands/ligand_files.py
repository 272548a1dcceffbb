"""Splitting ligand files (SDF, MOL, MOL2, SMILES lists, PDB; also gzipped) into one text record per molecule."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Literal, NamedTuple

from disco_dock.chem.ligands.smiles_layout import HEAD_LINES, smiles_layout
from disco_dock.runtime.errors import InputError, one_line
from disco_dock.runtime.user_files import MIB, read_lines

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


MAX_RECORD_BYTES, MAX_RECORD_LINES = 8 * MIB, 200_000
"""Longest text of one molecule with its tags, and longest text before the first or between two."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")

MAX_TITLE = 200
"""Characters of a molecule's name that are kept."""


class Record(NamedTuple):
    """Text of one molecule; `number` counts from 0, `name` is "" when the file gives none, `note` says what was odd."""

    kind: Kind
    number: int
    name: str
    text: str
    note: str = ""


RecordReader = Callable[[Iterator[str], "RecordBlock"], Iterator[Record]]
"""(lines, block for counting them) -> one record per molecule, of one of the kinds above."""

READERS: dict[str, RecordReader] = {}
"""Suffix: reader of a format that was added by `add_format`."""


def add_format(suffix: str, kind: Kind, reader: RecordReader) -> None:
    """Let files with a suffix such as ".inchi" be read, in `predict` and `screen`.

    Args:
        suffix: lower case, with its dot.
        kind: of the records that the reader makes.
        reader: gets the lines of the file, decompressed and within the limits of every input.

    Raises:
        ValueError: the suffix has a reader already.
    """
    if suffix in KINDS:
        raise ValueError(f"files with the suffix {suffix} are read already")
    KINDS[suffix], READERS[suffix] = kind, reader


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
    if suffix == ".csv":
        raise InputError(f"{path}: tables are no ligand files; give it with --csv, or to disco-dock screen")
    if suffix in FOREIGN:
        raise InputError(f"{path}: ligands in {suffix} format are not read; convert the file to SDF")
    head = []
    for line in _lines(path):
        head.append(line[:200])
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
        InputError: when the file cannot be read or decompressed, or a record is longer than `MAX_RECORD_BYTES`.
    """
    kind = file_kind(path)
    lines = _lines(path)
    if suffix_of(path) in READERS:
        return READERS[suffix_of(path)](lines, RecordBlock(path))
    if kind == "sdf":
        return _sdf_records(lines, RecordBlock(path))
    if kind == "mol2":
        return _mol2_records(lines, RecordBlock(path))
    if kind == "smi":
        return smiles_records(lines, RecordBlock(path))
    return _pdb_record(lines, RecordBlock(path))


def smiles_records(lines: Iterable[str], block: RecordBlock | None = None) -> Iterator[Record]:
    """One record per line `SMILES [|CXSMILES extension|] [name]`, without blank lines, `#` comments and a header.

    Where the first lines hold no SMILES in their first column, another column or delimiter is looked for. A first line
    of words that can be no SMILES is a header, which the first molecule notes if they are no usual ones.
    """
    index = 0
    rows = iter(lines)
    head: list[str] = []
    damage: Exception | None = None
    try:
        head.extend(islice(rows, HEAD_LINES))
    except (InputError, OSError, EOFError, zlib.error) as error:  # told after the molecules before it
        damage = error
    layout = smiles_layout(head)
    at_header, notes = layout.header, [layout.note, layout.header_note]
    for line in chain(head, rows):
        text = line.lstrip("\ufeff").strip()
        if not text or text.startswith("#"):
            if block is not None:
                block.add(line, keep=False)
            continue
        smiles, rest = layout.split(text)
        if at_header:
            at_header = False
            continue
        if rest.startswith("|") and "|" in rest[1:]:
            extension, _, rest = rest[1:].partition("|")
            smiles = f"{smiles} |{extension}|"
        yield Record("smi", index, one_line(rest, MAX_TITLE), smiles, "; ".join(filter(None, notes)))
        if block is not None:
            block.restart()
        index, notes = index + 1, [layout.note]
    if damage is not None:
        raise damage


class RecordBlock:
    """Lines of the record at hand; InputError when they become too long for one molecule."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.restart()

    def restart(self) -> None:
        """Forget the lines."""
        self.lines: list[str] = []
        self._size = self._count = 0

    def add(self, line: str, *, keep: bool = True) -> None:
        """Count a line, and keep it unless it belongs to no record."""
        self._size += len(line) + 1
        self._count += 1
        if self._size > MAX_RECORD_BYTES or self._count > MAX_RECORD_LINES:
            raise InputError(
                f"{self._path}: has more than {MAX_RECORD_BYTES // MIB} MiB or {MAX_RECORD_LINES} lines without "
                "the end of a molecule; check that its format is what its name says"
            )
        if keep:
            self.lines.append(line)

    def record(self, kind: Kind, index: int, title_line: int) -> Record:
        """The lines as a record, named by one of them."""
        title = self.lines[title_line] if len(self.lines) > title_line else ""
        return Record(kind, index, one_line(title, MAX_TITLE), "\n".join(self.lines) + "\n")


def _sdf_records(lines: Iterable[str], block: RecordBlock) -> Iterator[Record]:
    """Records between `$$$$` lines; trailing blank text after the last one is no record."""
    index = 0
    for line in lines:
        if line.startswith("$$$$"):
            yield block.record("sdf", index, 0)
            block.restart()
            index += 1
        else:
            block.add(line)
    if any(line.strip() for line in block.lines):
        yield block.record("sdf", index, 0)


def _mol2_records(lines: Iterable[str], block: RecordBlock) -> Iterator[Record]:
    """Records starting at `@<TRIPOS>MOLECULE`; comments before the first are dropped."""
    index = 0
    for line in lines:
        begins = line.startswith("@<TRIPOS>MOLECULE")
        if begins and block.lines:
            yield _mol2_record(index, block)
            index += 1
        if begins:
            block.restart()
        block.add(line, keep=begins or bool(block.lines))
    if block.lines:
        yield _mol2_record(index, block)


def _mol2_record(index: int, block: RecordBlock) -> Record:
    record = block.record("mol2", index, 1)
    return record._replace(name="") if record.name == "*****" else record


def _pdb_record(lines: Iterable[str], block: RecordBlock) -> Iterator[Record]:
    """The whole file as one record without a name."""
    for line in lines:
        block.add(line)
    yield block.record("pdb", 0, 0)._replace(name="")


def text_lines(path: Path) -> Iterator[str]:
    """Lines of a plain or gzipped text file with their ends; bytes that are not UTF-8 become U+FFFD.

    Raises:
        InputError: the file cannot be read or decompressed, is UTF-16, or is beyond the limits of
            `user_files.read_lines`.
    """
    count = 0
    try:
        for line in read_lines(path):
            if not count and line.startswith(_UTF16):
                raise InputError(f"{path}: is UTF-16 text; save it as UTF-8 or ASCII")
            count += 1
            yield line.decode("utf-8", errors="replace")
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        where = f" after line {count}" if count else ""
        raise InputError(f"{path}: cannot be read{where} ({reason}); check the file and its permissions") from error


def _lines(path: Path) -> Iterator[str]:
    """The same without line ends, which may be LF, CR LF or CR."""
    return (part for line in text_lines(path) for part in line.rstrip("\r\n").split("\r"))
