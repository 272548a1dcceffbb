"""A ligand that is bound in the protein file, by its name: to dock it again."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from disco_dock.chem.group_request import place_label
from disco_dock.chem.hetero_groups import is_water
from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligands.hetatm_ligand import groups_named, hetatm_pdb, read_hetatm_ligand
from disco_dock.chem.residue_features import parent_residue
from disco_dock.chem.structures.components import read_components
from disco_dock.chem.structures.structure_files import as_structure
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.notes import Caution

NAME = re.compile(r"(?:[^:\s]*:)?[A-Za-z0-9]{1,5}?:?(?:-?\d+[A-Za-z]?)?")
MAX_LISTED = 8


def bound_ligand(protein: Path, spec: str, smiles: str | None = None) -> Ligand | None:
    """The ligand of a protein file that "GP6", "A:GP6:910" or "A:910" means, with its pose; None for no name.

    Bond orders are those of `smiles`, of the file <NAME>.cif of the chemical component dictionary beside the protein,
    or perceived by Open Babel where it is installed.

    Args:
        protein: structure file.
        spec: what the user gave as ligand.
        smiles: template.

    Raises:
        InputError: there is such a group, and its bond orders cannot be known.
    """
    if not NAME.fullmatch(spec) or Path(spec).exists() or (":" not in spec and len(spec) < 2):
        return None
    try:
        structure = as_structure(protein)
    except InputError:  # told when the receptor is read
        return None
    groups = [one for one in structure.groups if one.hetero or parent_residue(one.name) is None]
    named = [one for one in groups_named(structure, spec) if any(one is other for other in groups)]
    chosen = min(named, key=lambda one: is_water(one.name), default=None)
    if chosen is None:
        if ":" in spec:
            names = [place_label(one.chain, one.name, one.number, one.insertion) for one in groups]
            raise InputError(f"{protein}: has no group {spec}; it has {_listed(names)}")
        return None
    wanted = place_label(chosen.chain, chosen.name, chosen.number, chosen.insertion)
    dictionary = protein.with_name(f"{chosen.name}.cif")
    if smiles is None and dictionary.is_file():
        return read_hetatm_ligand(structure, group=wanted, components=read_components(dictionary))
    if smiles is not None:
        return read_hetatm_ligand(structure, group=wanted, smiles=smiles)
    perceived = _perceived(hetatm_pdb(structure, wanted))
    if not perceived:
        raise InputError(
            f"{protein}: the bond orders of {spec} are not in the file, and Open Babel cannot tell them or is not "
            f"installed (pip install openbabel-wheel); give its SMILES with --smiles, or put {chosen.name}.cif of the "
            "chemical component dictionary beside it"
        )
    ligand = read_hetatm_ligand(structure, group=wanted, smiles=perceived)
    note = Caution(
        f"the bond orders of {spec} were perceived from its coordinates ({ligand.smiles}); if they are wrong, give its "
        "SMILES with --smiles"
    )
    return replace(ligand, notes=(*ligand.notes, note))


def _perceived(block: str) -> str:
    """SMILES of a PDB block by Open Babel, or "" where that is not installed or finds no bond orders that fit."""
    try:
        from openbabel import openbabel, pybel
    except ImportError:
        return ""
    log = openbabel.obErrorLog
    level = log.GetOutputLevel()
    log.SetOutputLevel(-1)
    log.ClearLog()
    try:
        words = (pybel.readstring("pdb", block).write("can") or "").split()
        doubts = log.GetMessagesOfLevel(openbabel.obWarning)
    finally:
        log.SetOutputLevel(level)
    return "" if not words or any("kekulize" in doubt for doubt in doubts) else words[0]


def _listed(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    return ", ".join(names[:MAX_LISTED]) + (" ..." if len(names) > MAX_LISTED else "") or "none"
