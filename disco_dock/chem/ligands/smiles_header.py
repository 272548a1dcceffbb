"""Whether the first line of a list of SMILES names its columns; free of RDKit, so that a server may know it."""

from __future__ import annotations

import re

HEADERS = frozenset({"smiles", "canonical_smiles", "isomeric_smiles", "smi", "structure", "cxsmiles"})
_OTHERS = frozenset(
    "id ids no nr name names title code cas cid sid zinc chembl ic50 ec50 ki kd pic50 pki pkd mw logp score set".split()
)
_SYMBOLS = re.compile(r"(?:Br|Cl|[BCNOPSFIHbcnops0-9().=#@+/\\%:\[\]-])*")
_TITLE = re.compile(r"[A-Za-z_(\[][\w ()\[\].%/#-]*")
_DELIMITERS = re.compile(r"[\s,;|]+")
UNKNOWN_WORDS = "the first line, {!r}, is no molecule: it is taken for the titles of the columns"


def is_header(cell: str) -> bool:
    """Whether a cell of the first line is the title of the column of SMILES."""
    return cell.strip().lower() in HEADERS or cell.strip().lower().endswith("smiles")


def is_title_row(line: str) -> bool:
    """Whether a line consists of words that are no SMILES, not even damaged ones, such as "molecule,id".

    Args:
        line: the first one that is neither blank nor a comment.
    """
    cells = [cell.strip("\"' ") for cell in _DELIMITERS.split(line.strip())]
    cells = [cell for cell in cells if cell]
    words = [cell.lower() for cell in cells]
    strange = [not _SYMBOLS.fullmatch(cell) for cell in cells]
    known = [word in _OTHERS or is_header(word) for word in words]
    titles = all(_TITLE.fullmatch(cell) and cell.count("(") == cell.count(")") for cell in cells) and all(
        a or b for a, b in zip(strange, known, strict=True)
    )
    return titles and any(strange) and max(map(len, cells), default=0) > 1
