"""In which column a list of SMILES has them, and what separates the columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rdkit import Chem
from rdkit.Chem import rdBase

from disco_dock.chem.ligands.smiles_header import UNKNOWN_WORDS, is_header, is_title_row

HEAD_LINES = 40
"""Lines from which the layout is found."""

_DELIMITERS = ("\t", None, ",", ";", "|")
_NAMES = {None: "blanks", "\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}
_MAX_COLUMNS, _ENOUGH, _MAX_LENGTH = 6, 0.6, 1_000


class SmilesLayout(NamedTuple):
    """Where the SMILES of a line stands.

    Attributes:
        delimiter: between columns; None for blanks.
        column: of the SMILES, from 0.
        note: what is unusual, one sentence, or "".
        header: whether the first line names the columns.
        header_note: what the first molecule says about that, or "".
    """

    delimiter: str | None = None
    column: int = 0
    note: str = ""
    header: bool = False
    header_note: str = ""

    def split(self, text: str) -> tuple[str, str]:
        """SMILES and the rest of a line, which names the molecule."""
        if self.delimiter is None and self.column == 0:
            smiles, _, rest = text.replace("\t", " ").partition(" ")
            return smiles, _unquoted(rest.strip())
        cells = [_unquoted(cell.strip()) for cell in text.split(self.delimiter)]
        if len(cells) <= self.column:
            return text, ""
        others = [cell for index, cell in enumerate(cells) if index != self.column and cell]
        return cells[self.column], others[0] if others else ""


def _unquoted(cell: str) -> str:
    return cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in cell[1:-1] else cell


def smiles_layout(lines: Sequence[str]) -> SmilesLayout:
    """The layout that the first lines of a file show; `SMILES name` unless another fits far better."""
    rows = [line.lstrip("\ufeff").strip() for line in lines]
    rows = [row for row in rows if row and not row.startswith("#")]
    if not rows:
        return SmilesLayout()
    known = is_header(SmilesLayout().split(rows[0])[0])
    if len(rows) < 2:
        return _of_rows(rows)._replace(header=known)
    titles = is_title_row(rows[0])
    layout = _of_rows(rows[1:] if known or titles else rows)
    cell = layout.split(rows[0])[0]
    known = known or is_header(cell)
    if not known and not (titles and not _is_smiles(cell)):
        return layout
    return layout._replace(header=True, header_note="" if known else UNKNOWN_WORDS.format(rows[0][:60]))


def _of_rows(rows: Sequence[str]) -> SmilesLayout:
    """The layout of lines without blank ones and comments."""
    plain = SmilesLayout()
    if _share(plain, rows) >= 0.5:
        both = len(rows) > 1 and any(_share(SmilesLayout(mark, 1), rows) == 1.0 for mark in ("\t", ",", ";"))
        note = "both columns can be read as SMILES: the first one is taken; put the SMILES first and names behind"
        return plain._replace(note=note) if both else plain
    best, share = plain, 0.0
    for delimiter in _DELIMITERS:
        columns = min(_MAX_COLUMNS, max(len(row.split(delimiter)) for row in rows))
        if delimiter == "|" and len(rows) == 1:  # `lig1|lig2` is several ligands in one cell
            continue
        for column in range(columns if columns > 1 else 0):
            if delimiter is None and column == 0:
                continue
            layout = SmilesLayout(delimiter, column)
            found = _share(layout, rows)
            if found > share + 1e-9:
                best, share = layout, found
    if share < _ENOUGH:
        return plain
    what = f"the SMILES stand in column {best.column + 1}, separated by {_NAMES[best.delimiter]}"
    return best._replace(note=f"{what}: the columns were recognised by their content")


def _share(layout: SmilesLayout, rows: Sequence[str]) -> float:
    """Share of rows whose cell is a SMILES, a header aside."""
    cells = ["" if layout.column >= len(row.split(layout.delimiter)) else layout.split(row)[0] for row in rows]
    if len(cells) > 2 and not _is_smiles(cells[0]):
        cells = cells[1:]
    return sum(_is_smiles(cell) for cell in cells) / len(cells)


def _is_smiles(text: str) -> bool:
    """Whether RDKit reads a text of letters as a molecule, chemistry apart."""
    if not text or len(text) > _MAX_LENGTH or text.isdecimal() or not text.isascii():
        return False
    options = Chem.SmilesParserParams()
    options.sanitize = False
    options.parseName = False
    with rdBase.BlockLogs():
        try:
            mol = Chem.MolFromSmiles(text, options)
        except (RuntimeError, ValueError):
            return False
    return mol is not None and mol.GetNumAtoms() > 0
