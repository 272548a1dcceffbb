"""From a record of a library to an entry of the ledger: the molecule's identity, or why it has none."""

from __future__ import annotations

from pathlib import Path

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligands.ligand_files import Record
from disco_dock.chem.ligands.prepare_ligand import prepare
from disco_dock.runtime.errors import InputError
from disco_dock.screening.messages import Entry, Failure

MAX_NAME = 200


def read_entry(record: Record, *, source: str, stem: str, largest_fragment: bool) -> Entry:
    """The entry of a record.

    Args:
        record: text of one molecule.
        source: name of the library, for messages.
        stem: makes the name of a record without one.
        largest_fragment: keep the largest fragment of a salt or mixture.
    """
    name = " ".join(record.name.split())[:MAX_NAME] or f"{stem}_{record.number + 1}"
    if not record.text.strip():
        failure = Failure(code=InputError.code, message="the molecule is empty", hint="give a SMILES")
        return Entry(position=record.number, name=name, failure=failure)
    try:
        ligand = prepare(record, source=source, name=name, template_smiles=None, largest_fragment=largest_fragment)
    except InputError as error:
        return Entry(position=record.number, name=name, failure=Failure.of(error))
    return Entry(position=record.number, name=name, smiles=ligand.smiles, heavy_atoms=ligand.num_atoms)


def canonical_ligand(smiles: str, name: str) -> Ligand:
    """The ligand of an entry, its atoms in the order of the SMILES: the same from whatever file the molecule came.

    Raises:
        InputError: the SMILES is not that of one molecule.
    """
    record = Record("smi", 0, name, smiles)
    return prepare(record, source="ledger", name=name, template_smiles=None, largest_fragment=False)


def library_name(path: Path) -> str:
    """File name with what cannot be printed, such as a line end or a byte that is not UTF-8, as an escape."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in path.name)


def library_stem(path: Path) -> str:
    """The same without suffixes."""
    return library_name(path).split(".")[0] or "molecule"
