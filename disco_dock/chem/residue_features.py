"""Residue names to the residue types of the networks."""

from __future__ import annotations

from Bio.Data import PDBData

STANDARD = (
    *("ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HIS", "ILE"),
    *("LEU", "LYS", "MET", "PHE", "PRO", "SER", "THR", "TRP", "TYR", "VAL"),
)
VARIANTS = (
    *("HIP", "HIE", "TPO", "HID", "LEV", "MEU", "PTR", "GLV", "CYT"),
    *("SEP", "HIZ", "CYM", "GLM", "ASQ", "TYS", "CYX", "GLZ"),
)
UNKNOWN = "misc"
RESIDUE_TYPES = (*STANDARD, *VARIANTS, UNKNOWN)
"""The 38 residue types of DiffDock (arXiv:2210.01776), in the order of its embedding table."""

HEAVY_ATOMS = dict(zip(STANDARD, (5, 11, 8, 8, 6, 9, 9, 4, 10, 8, 8, 9, 8, 11, 7, 6, 7, 14, 12, 7), strict=True))
"""Heavy atoms of each standard residue inside a chain, without a terminal oxygen."""

NUCLEOTIDES = frozenset(
    "A C G U T I N DA DC DG DT DU DI DN ADE CYT GUA URA THY RA RC RG RU".split()
    + [f"{kind}{base}{end}" for kind in ("", "D", "R") for base in "ACGTU" for end in ("3", "5", "N")]
    + [f"{base}{end}" for base in ("ADE", "CYT", "GUA", "URA", "THY") for end in ("3", "5")]
)
"""Unmodified nucleotides as the PDB, CHARMM and AMBER, old and new, name them."""

_INDEX = {name: index for index, name in enumerate(RESIDUE_TYPES)}
_PROTONATION = {"HSD": "HID", "HSE": "HIE", "HSP": "HIP", "ASH": "ASP", "GLH": "GLU", "LYN": "LYS", "ARN": "ARG"}
_THREE_LETTERS = {code: name for name, code in PDBData.protein_letters_3to1.items()}


def parent_residue(name: str) -> str | None:
    """Name under which a residue is treated: itself, or the standard residue it is a modification of (MSE: MET).

    Args:
        name: three-letter code as in the file.

    Returns:
        A name of `RESIDUE_TYPES`, or None for a residue that is not known.

    Source: modified residues from the wwPDB chemical component dictionary, as tabulated by Biopython.
    """
    name = name.strip().upper()
    if name in _INDEX:
        return name
    if name in _PROTONATION:
        return _PROTONATION[name]
    if len(name) == 4 and name[0] in "NC" and (inner := name[1:]) in (*_INDEX, *_PROTONATION):
        return parent_residue(inner)  # AMBER's names of the ends of a chain
    code = PDBData.protein_letters_3to1_extended.get(name.ljust(3))
    return None if code is None else _THREE_LETTERS.get(code.upper(), "").upper() or None


def residue_type_index(name: str) -> int:
    """Index into `RESIDUE_TYPES` of a residue name; the last one, "misc", for a name that is not known."""
    return _INDEX.get(parent_residue(name) or UNKNOWN, _INDEX[UNKNOWN])


def one_letter(name: str) -> str:
    """One-letter code of a residue, X when not known."""
    return PDBData.protein_letters_3to1_extended.get(name.strip().upper().ljust(3), "X")


def is_nucleotide(name: str) -> bool:
    """Whether a residue name is one of DNA or RNA."""
    name = name.strip().upper()
    return name in NUCLEOTIDES or name.ljust(3) in PDBData.nucleic_letters_3to1_extended
