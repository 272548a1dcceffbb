"""What atoms of the standard amino acids can do in an interaction, by residue and atom name."""

from __future__ import annotations

DONORS = {
    "CYS": ("SG",),
    "ARG": ("NE", "NH1", "NH2"),
    "ASN": ("ND2",),
    "GLN": ("NE2",),
    "HIS": ("ND1", "NE2"),
    "LYS": ("NZ",),
    "SER": ("OG",),
    "THR": ("OG1",),
    "TRP": ("NE1",),
    "TYR": ("OH",),
}
ACCEPTORS = {
    "ASN": ("OD1",),
    "ASP": ("OD1", "OD2"),
    "GLN": ("OE1",),
    "GLU": ("OE1", "OE2"),
    "HIS": ("ND1", "NE2"),
    "SER": ("OG",),
    "THR": ("OG1",),
    "TYR": ("OH",),
}
POSITIVE = {"ARG": ("NE", "NH1", "NH2"), "LYS": ("NZ",)}
NEGATIVE = {"ASP": ("OD1", "OD2"), "GLU": ("OE1", "OE2")}
HYDROPHOBIC = {
    "ALA": ("CB",),
    "ARG": ("CB", "CG"),
    "ASN": ("CB",),
    "ASP": ("CB",),
    "CYS": ("CB",),
    "GLN": ("CB", "CG"),
    "GLU": ("CB", "CG"),
    "HIS": ("CB",),
    "ILE": ("CB", "CG1", "CG2", "CD1"),
    "LEU": ("CB", "CG", "CD1", "CD2"),
    "LYS": ("CB", "CG", "CD"),
    "MET": ("CB", "CG", "SD", "CE"),
    "PHE": ("CB", "CG", "CD1", "CD2", "CE1", "CE2", "CZ"),
    "PRO": ("CB", "CG"),
    "THR": ("CG2",),
    "TRP": ("CB", "CG", "CD2", "CE3", "CZ2", "CZ3", "CH2"),
    "TYR": ("CB", "CG", "CD1", "CD2", "CE1", "CE2"),
    "VAL": ("CB", "CG1", "CG2"),
}
RINGS = {
    "HIS": (("CG", "ND1", "CD2", "CE1", "NE2"),),
    "PHE": (("CG", "CD1", "CD2", "CE1", "CE2", "CZ"),),
    "TRP": (("CG", "CD1", "CD2", "NE1", "CE2"), ("CD2", "CE2", "CE3", "CZ2", "CZ3", "CH2")),
    "TYR": (("CG", "CD1", "CD2", "CE1", "CE2", "CZ"),),
}


def is_donor(residue: str, atom: str) -> bool:
    """Whether an atom can give a hydrogen bond; the backbone nitrogen of all but proline can."""
    return (atom == "N" and residue != "PRO") or atom in DONORS.get(residue, ())


def is_acceptor(residue: str, atom: str) -> bool:
    """Whether an atom can take a hydrogen bond; the backbone oxygens can."""
    return atom in ("O", "OXT") or atom in ACCEPTORS.get(residue, ())


def is_positive(residue: str, atom: str) -> bool:
    """Whether an atom shares a positive charge."""
    return atom in POSITIVE.get(residue, ())


def is_negative(residue: str, atom: str) -> bool:
    """Whether an atom shares a negative charge."""
    return atom == "OXT" or atom in NEGATIVE.get(residue, ())


def is_hydrophobic(residue: str, atom: str) -> bool:
    """Whether an atom is a carbon (or sulfur) without polar neighbours."""
    return atom in HYDROPHOBIC.get(residue, ())
