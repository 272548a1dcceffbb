"""Where the files of a complex lie in a folder of complexes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from disco_dock.runtime.errors import InputError


class Source(NamedTuple):
    """Files of one complex; `ligands` are tried in order."""

    name: str
    protein: Path
    ligands: tuple[Path, ...]


def find_source(root: Path, name: str) -> Source:
    """The files of complex `name`: ``protein.pdb`` and ``ligand.sdf``, or DiffDock's PDBBind names.

    Raises:
        InputError: the folder or its files are missing.
    """
    folder = root / name
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; correct the id or the source folder")
    layouts = (
        ("protein.pdb", ("ligand.sdf",)),
        (f"{name}_protein_processed.pdb", (f"{name}_ligand.sdf", f"{name}_ligand.mol2")),
    )
    for protein, ligands in layouts:
        found = tuple(folder / ligand for ligand in ligands if (folder / ligand).is_file())
        if (folder / protein).is_file() and found:
            return Source(name, folder / protein, found)
    raise InputError(
        f"{folder}: found neither protein.pdb with ligand.sdf nor {name}_protein_processed.pdb with {name}_ligand.sdf "
        "or .mol2; name the files so"
    )


def read_ids(path: Path) -> list[str]:
    """Ids of a split file, one per line; blank lines are skipped.

    Raises:
        InputError: the file cannot be read or holds no id.
    """
    try:
        ids = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the split file cannot be read ({error}); check the path") from error
    if not ids:
        raise InputError(f"{path}: the split file holds no id; give one id per line")
    return ids
