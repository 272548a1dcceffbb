"""Whether the files that a user names are there and what they seem, before anything heavy is imported."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from pathlib import Path

from disco_dock.chem.group_request import PLACE
from disco_dock.runtime.errors import InputError

FILES = ("protein", "pocket_ligand", "pocket_box", "reference", "start_pose", "core", "embeddings", "csv")
LIGAND_SUFFIXES = (".sdf", ".mol", ".mol2", ".smi", ".pdb", ".pdbqt")
PEEK = 400_000  # bytes of a file that are looked at
RESIDUES = 10  # alpha carbons from which on a file is a protein


def check_files(given: Mapping[str, object]) -> None:
    """Refuse files that are not there, and a protein and a ligand that changed places.

    Args:
        given: the options.

    Raises:
        InputError: with the option and the file.
    """
    for option in FILES:
        place = option == "pocket_ligand" and PLACE.fullmatch(str(given.get(option)).strip())
        if option in given and not place:
            _existing(f"--{option.replace('_', '-')}", Path(str(given[option])))
    many = given.get("ligands")
    for path in many if isinstance(many, list) else ():
        _existing("--ligands", Path(str(path)))
    if "protein" not in given or "ligand" not in given:
        return
    protein, ligand = Path(str(given["protein"])), Path(str(given["ligand"]))
    suffix = _suffix(ligand)
    if suffix in LIGAND_SUFFIXES and not ligand.exists():
        _existing("--ligand", ligand)
    is_ligand = _suffix(protein) in (".sdf", ".mol", ".mol2", ".smi") or not _alpha_carbons(protein)
    if ligand.is_file() and is_ligand and _alpha_carbons(ligand) >= RESIDUES:
        raise InputError(
            f"{protein} and {ligand}: protein and ligand look swapped; give the protein with --protein and the ligand "
            "with --ligand"
        )


def _existing(option: str, path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected a file; name one file in it with {option}")
    if path.exists():
        return
    code = re.fullmatch(r"(?:pdb_0000)?([1-9][A-Za-z0-9]{3})", path.name)
    if code is not None:
        name = code[1].upper()
        raise InputError(
            f"{path}: no such file; entries of the Protein Data Bank are not fetched: download "
            f"https://files.rcsb.org/download/{name}.cif and give the file"
        )
    raise InputError(f"{path}: no such file; check the path given to {option}")


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _alpha_carbons(path: Path) -> int:
    """Alpha carbons in the first part of a PDB or mmCIF file."""
    try:
        with gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb") as file:
            text = file.read(PEEK).decode("latin-1")
    except (OSError, EOFError):
        return RESIDUES  # what cannot be read is told by its reader
    return len(re.findall(r"^ATOM .{7} CA ", text, re.M)) + len(re.findall(r"^ATOM +\d+ +C +CA ", text, re.M))
