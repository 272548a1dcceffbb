"""The element of an atom whose record does not tell it: by residue and name, or by the columns of its name."""

from __future__ import annotations

import re

import gemmi

from disco_dock.chem.residue_features import NUCLEOTIDES, STANDARD, VARIANTS, parent_residue

VIRTUAL = "virtual"
"""Stands for a site that is no atom: a lone pair, a Drude particle, an extra point of a water model."""

_POLYMER = frozenset((*STANDARD, *VARIANTS, "MSE", "SEC", "HSD", "HSE", "HSP", "ASH", "GLH", "LYN", "ARN"))
_POLYMER_ELEMENTS = {"H": "H", "D": "D", "C": "C", "N": "N", "O": "O", "S": "S", "P": "P"}
_DRUDE = re.compile(r"D[CNOS]")
_SITES = re.compile(r"(LP|EP|MW|OM$|M$|IW)[0-9A-Z]*")
_TWO_LETTERS = re.compile(r"(CL|BR)([0-9].*)?")
_AUTODOCK = {
    **{kind: "C" for kind in ("A", "G", "GA", "C", "CG", "CX")},
    **{kind: "H" for kind in ("H", "HD", "HS")},
    **{kind: "N" for kind in ("N", "NA", "NS", "NX")},
    **{kind: "O" for kind in ("O", "OA", "OS", "OX")},
    **{kind: "S" for kind in ("S", "SA")},
    **{f"G{place}": VIRTUAL for place in range(4)},
    **{f"CG{place}": "C" for place in range(4)},
    **{kind: VIRTUAL for kind in ("W", "TZ")},
}
"""AutoDock atom types that are no element symbols (Meeko's and AutoDock Vina's tables); macrocycle glue is no atom."""


def is_symbol(text: str) -> bool:
    """Whether a text is the symbol of an element, in any case."""
    return text.isalpha() and gemmi.Element(text).name.upper() == text.upper() and text.upper() != "X"


def autodock_element(kind: str) -> str | None:
    """Element of an AutoDock atom type, `VIRTUAL` for its pseudo atoms, or None for a text that is no type."""
    if kind.upper() in _AUTODOCK:
        return _AUTODOCK[kind.upper()]
    return kind.capitalize() if is_symbol(kind) else None


def has_known_names(residue: str) -> bool:
    """Whether the atoms of a residue have names that tell their elements: amino acids and nucleotides."""
    return residue in _POLYMER or residue in NUCLEOTIDES


def element_of_name(name: str, residue: str) -> str | None:
    """Element of an atom of an amino acid or nucleotide, however its name is aligned; None for a strange name.

    Args:
        name: such as "CA", "1HB", "HND1" or "O5'".
        residue: one for which `has_known_names`.
    """
    name = name.strip().upper().lstrip("0123456789'\"*")
    if name.startswith("SE") and residue in ("MSE", "SEC", "CSE"):
        return "Se"
    if _DRUDE.match(name) or _SITES.fullmatch(name):
        return VIRTUAL
    return _POLYMER_ELEMENTS.get(name[:1])


def guessed_element(padded: str, residue: str, *, aligned: bool) -> str:
    """Element of an atom of another group, or "X".

    Args:
        padded: the four columns of its name.
        residue: name of its group.
        aligned: whether the file writes symbols of one letter in column 14, as the format demands.
    """
    name = padded.strip().upper()
    bare = name.lstrip("0123456789'\"*")
    letters = re.match(r"[A-Z]*", bare)
    word = letters.group() if letters else ""
    if not word:
        return "X"
    if (ion := _IONS_BY_NAME.get(residue)) is not None:
        return ion
    if word[:2] == "FE" and residue[:3] in _HEMES:
        return "Fe"
    if word[:2] == residue[:2] and len(word) >= 2 and len(residue) <= 3 and is_symbol(word[:2]) and _is_ion(residue):
        return word[:2].capitalize()
    if _SITES.fullmatch(name) and (parent_residue(residue) is not None or name.startswith(("LP", "EP"))):
        return VIRTUAL
    if aligned and padded[:1] == " ":
        return word[0].capitalize() if is_symbol(word[0]) else "X"
    if aligned and len(name) < 4 and len(word) >= 2 and is_symbol(word[:2]):
        numbered = word[:2] in _UNLIKELY and (len(name) > 2 or residue[:3] in _HEMES)
        return word[0] if numbered else word[:2].capitalize()
    if _TWO_LETTERS.fullmatch(bare):
        return word[:2].capitalize()
    if is_symbol(word[0]):
        return word[0]
    return word[:2].capitalize() if is_symbol(word[:2]) else "X"


_IONS_BY_NAME = {
    **dict(SOD="Na", POT="K", CES="Cs", RUB="Rb", CAD="Cd", CAL="Ca", CLA="Cl", LIT="Li", BAR="Ba"),
    **{"IP": "Na", "IM": "Cl", "C0": "Ca", "CIO": "Cs", "NA+": "Na", "K+": "K", "CL-": "Cl", "ZN2": "Zn", "MG2": "Mg"},
}
"""Lone ions whose names in CHARMM and AMBER do not begin with their symbol, or might be read as another one."""
_UNLIKELY = frozenset("HO HE HF HG CE CO CD CS CA CM CF NA NB ND NE NP NO OS PA PB PD PM PR SB SC SM SR".split())
"""Symbols that are more often one letter and the place of an atom in a molecule: HO1, CE1, NA1."""
_HEMES = frozenset({"HEM", "HEC", "HEA", "HEB", "HEO", "HAS", "HDD"})


def _is_ion(residue: str) -> bool:
    """Whether a residue name begins like that of a lone ion: ZN, MG, CAL, CLA, SOD, POT."""
    return residue.rstrip("0123456789+-") in _IONS


_IONS = frozenset(
    "ZN MG CA MN FE CU NI CO CD HG NA K LI RB CS BA SR CL BR I F AL PB PT AU AG ZN2 MG2 CAL CLA CES LIT BAR RUB".split()
)
