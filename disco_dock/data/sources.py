"""Where the files of complexes lie: folders of one complex each, or plain structure files with their ligand inside."""

from __future__ import annotations

import csv
import io
import zlib
from pathlib import Path
from typing import NamedTuple

from disco_dock.chem.ligands.ligand_files import suffix_of
from disco_dock.chem.structures.structure_files import CIF_SUFFIXES, PDB_SUFFIXES
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.user_files import read_text

LIGAND_TABLE = "ligands.csv"
LIGAND_COLUMNS = ("id", "group", "smiles")
COMPONENT_FOLDER = "components"
CONTEXT_FILE = "hetero.pdb"
STRUCTURE_SUFFIXES = PDB_SUFFIXES | CIF_SUFFIXES


class HetatmLigand(NamedTuple):
    """How to find the ligand inside a structure file; empty strings leave it to the file and its components."""

    group: str
    smiles: str
    components: Path | None


class Source(NamedTuple):
    """Files of one complex.

    Attributes:
        name: id.
        protein: structure file.
        ligands: files that are tried in order; empty when the ligand is in the structure file.
        hetatm: which ligand of the structure file to take, or None when it has files of its own.
        context: file of metals, cofactors and other groups that the protein's file lacks, or None.
    """

    name: str
    protein: Path
    ligands: tuple[Path, ...]
    hetatm: HetatmLigand | None = None
    context: Path | None = None


class SourceFolder:
    """A folder of complexes in one of three layouts.

    1. ``<id>/<id>_protein_processed.pdb`` with ``<id>_ligand.sdf`` and, should that be unreadable, ``<id>_ligand.mol2``
       (DiffDock's and PDBBind's).
    2. ``<id>/protein.pdb`` (or ``.cif``) with ``ligand.sdf``, and where the metals and cofactors lie apart,
       ``hetero.pdb``.
    3. ``<id>.pdb`` or ``<id>.cif`` with the ligand as HETATM records. ``ligands.csv`` beside them may say which group
       is the ligand and give its SMILES (columns id, group, smiles); without a SMILES the bond orders are those of the
       chemical component ``components/<residue name>.cif``, or of an mmCIF file that describes its components.

    Files may be gzipped. Folders and structure files may lie side by side.

    Raises:
        InputError: the folder is absent, or its ligands.csv cannot be read.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise InputError(f"{root}: no such folder; give the folder of the complexes")
        self.root = root
        self._structures: dict[str, Path] = {}
        for path in sorted(root.iterdir()):
            if suffix_of(path) in STRUCTURE_SUFFIXES and path.is_file():
                stem = path.name[: -len(".gz")] if path.name.lower().endswith(".gz") else path.name
                self._structures.setdefault(Path(stem).stem, path)
        self._table = _ligand_table(root / LIGAND_TABLE)

    def names(self) -> list[str]:
        """Ids of all complexes, sorted.

        Raises:
            InputError: there are none.
        """
        folders = {path.name for path in self.root.iterdir() if path.is_dir() and path.name != COMPONENT_FOLDER}
        names = sorted(folders | set(self._structures))
        if not names:
            raise InputError(
                f"{self.root}: no complexes found; give a folder with one folder per complex, or with structure files"
            )
        return names

    def find(self, name: str) -> Source:
        """The files of a complex.

        Raises:
            InputError: they are missing.
        """
        folder = self.root / name
        if folder.is_dir():
            return _in_folder(folder, name)
        if name in self._structures:
            group, smiles = self._table.get(name, ("", ""))
            components = self.root / COMPONENT_FOLDER
            hetatm = HetatmLigand(group, smiles, components if components.is_dir() else None)
            return Source(name, self._structures[name], (), hetatm)
        raise InputError(f"{folder}: no such folder, and no structure file of that name; correct the id or the source")


def _in_folder(folder: Path, name: str) -> Source:
    layouts = (
        (f"{name}_protein_processed", (f"{name}_ligand.sdf", f"{name}_ligand.mol2")),
        ("protein", ("ligand.sdf", "ligand.mol2")),
    )
    for protein, ligands in layouts:
        proteins = [folder / f"{protein}{suffix}" for suffix in (".pdb", ".pdb.gz", ".cif", ".cif.gz")]
        proteins = [path for path in proteins if path.is_file()]
        found = tuple(folder / ligand for ligand in ligands if (folder / ligand).is_file())
        if proteins and found:
            context = folder / CONTEXT_FILE
            return Source(name, proteins[0], found, context=context if context.is_file() else None)
    raise InputError(
        f"{folder}: found neither protein.pdb with ligand.sdf nor {name}_protein_processed.pdb with {name}_ligand.sdf "
        "or .mol2; name the files so"
    )


def _ligand_table(path: Path) -> dict[str, tuple[str, str]]:
    """(group, SMILES) by id of a ligands.csv; empty when there is no such file."""
    if not path.is_file():
        return {}
    try:
        reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
        columns = set(reader.fieldnames or ())
        if "id" not in columns or columns - set(LIGAND_COLUMNS):
            found = ", ".join(reader.fieldnames or ())
            raise InputError(f"{path}: has the columns {found}; name them {', '.join(LIGAND_COLUMNS)}")
        return {
            (row["id"] or "").strip(): ((row.get("group") or "").strip(), (row.get("smiles") or "").strip())
            for row in reader
        }
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error}); save it as UTF-8 CSV") from error


def read_ids(path: Path) -> list[str]:
    """Ids of a split file, one per line; blank lines and repeated ids are skipped.

    Raises:
        InputError: the file cannot be read or holds no id.
    """
    try:
        ids = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the split file cannot be read ({error}); check the path") from error
    if not ids:
        raise InputError(f"{path}: the split file holds no id; give one id per line")
    return list(dict.fromkeys(ids))
