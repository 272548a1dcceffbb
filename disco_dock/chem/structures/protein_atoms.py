"""Heavy atoms of proteins, metals and other groups as one vocabulary: residue and atom name, or the element.

An atom of a standard residue is known by both names, so that one look-up holds its element, hybridisation, charge and
place in the side chain. Atoms of other residues and of groups outside the protein are known by their element.
"""

from __future__ import annotations

import numpy as np

from disco_dock.chem.residue_features import STANDARD

BACKBONE = ("N", "CA", "C", "O", "OXT")
SIDE_CHAINS = {
    "ALA": "CB",
    "ARG": "CB CG CD NE CZ NH1 NH2",
    "ASN": "CB CG OD1 ND2",
    "ASP": "CB CG OD1 OD2",
    "CYS": "CB SG",
    "GLN": "CB CG CD OE1 NE2",
    "GLU": "CB CG CD OE1 OE2",
    "GLY": "",
    "HIS": "CB CG ND1 CD2 CE1 NE2",
    "ILE": "CB CG1 CG2 CD1",
    "LEU": "CB CG CD1 CD2",
    "LYS": "CB CG CD CE NZ",
    "MET": "CB CG SD CE",
    "PHE": "CB CG CD1 CD2 CE1 CE2 CZ",
    "PRO": "CB CG CD",
    "SER": "CB OG",
    "THR": "CB OG1 CG2",
    "TRP": "CB CG CD1 CD2 NE1 CE2 CE3 CZ2 CZ3 CH2",
    "TYR": "CB CG CD1 CD2 CE1 CE2 CZ OH",
    "VAL": "CB CG1 CG2",
}
VARIANT_OF = {
    **dict.fromkeys(("HID", "HIE", "HIP", "HIZ"), "HIS"),
    **dict.fromkeys(("CYX", "CYM", "CYT"), "CYS"),
    **{"SEP": "SER", "TPO": "THR", "PTR": "TYR", "TYS": "TYR"},
    **{"GLM": "GLU", "GLV": "GLU", "GLZ": "GLY", "ASQ": "ASP", "LEV": "LEU", "MEU": "MET"},
}
"""Residue types of the networks that share the atom names of a standard residue."""
SAME_ATOM = {("MET", "SE"): "SD", ("CYS", "SE"): "SG", ("ILE", "CD"): "CD1"}
"""Names that atoms of a modified residue or of another program's file have, and that of the standard residue."""
RESIDUE_ELEMENTS = ("C", "N", "O", "S", "P")
GROUP_ELEMENTS = (
    *("C", "N", "O", "S", "P", "Se", "F", "Cl", "Br", "I", "B"),
    *("Zn", "Mg", "Ca", "Mn", "Fe", "Na", "K", "Cu", "Co", "Ni"),
)
NAMED = tuple((residue, name) for residue in STANDARD for name in (*BACKBONE, *SIDE_CHAINS[residue].split()))
KINDS = (
    *(f"{residue} {name}" for residue, name in NAMED),
    *(f"residue {element}" for element in (*RESIDUE_ELEMENTS, "other")),
    *(f"group {element}" for element in (*GROUP_ELEMENTS, "other")),
)
"""The vocabulary; an atom's kind is an index into it."""

_INDEX = {kind: index for index, kind in enumerate(KINDS)}
_OF_NAMED = {pair: index for index, pair in enumerate(NAMED)}


def atom_kind(residue: str, name: str, element: str) -> int:
    """Kind of a heavy atom.

    Args:
        residue: its residue as in `Receptor.names`, "" for an atom outside the protein.
        name: its name.
        element: its symbol, such as "Cl".
    """
    if not residue:
        return _INDEX.get(f"group {element}", _INDEX["group other"])
    parent = VARIANT_OF.get(residue, residue)
    known = _OF_NAMED.get((parent, SAME_ATOM.get((parent, name), name)))
    return known if known is not None else _INDEX.get(f"residue {element}", _INDEX["residue other"])


def nameless_kinds() -> np.ndarray:
    """(kinds,) int64: of each kind the one that tells the element only, for atoms whose residue type is hidden."""
    hidden = np.arange(len(KINDS))
    for index, (_, name) in enumerate(NAMED):
        hidden[index] = _INDEX[f"residue {name[0]}"]
    return hidden
