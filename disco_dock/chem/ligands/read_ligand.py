"""Ligands from SDF, MOL2, PDB and SMILES files, or from a SMILES string."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from rdkit import Chem
from rdkit.Chem import rdBase

from disco_dock.chem.ligand import Ligand, LigandFailure
from disco_dock.chem.ligands.ligand_files import (
    FOREIGN,
    KINDS,
    Record,
    file_kind,
    read_records,
    smiles_records,
    suffix_of,
)
from disco_dock.chem.ligands.prepare_ligand import MAX_SMILES_LENGTH, prepare
from disco_dock.chem.ligands.sd_tags import sd_tags
from disco_dock.runtime.errors import InputError, one_line

MAX_COUNTED = 1_000
"""Molecules that are counted for the message when one was expected."""


def read_ligands(
    spec: str | Path, *, template_smiles: str | None = None, largest_fragment: bool = False
) -> Iterator[Ligand | LigandFailure]:
    """Every molecule of a file, or the one of a SMILES string, each as a ligand or as the reason why it is none.

    An existing file is read by its suffix (.sdf, .mol, .mol2, .smi, .pdb, each also .gz), else by its content; any
    other string is taken as `SMILES [name]`. Files are streamed.

    Args:
        spec: path or SMILES.
        template_smiles: bond orders for a PDB file.
        largest_fragment: keep the largest of several fragments in place of a failure.

    Returns:
        Iterator in file order; a file that breaks off ends with a LigandFailure.

    Raises:
        InputError: when the file is absent, unreadable, of another format or empty, or the string is no SMILES.
    """
    path = _existing_file(spec)
    if template_smiles is not None and (path is None or file_kind(path) != "pdb"):
        raise InputError(f"{spec}: --smiles is for PDB ligands, and this ligand has its own bond orders; leave it out")
    if path is None:
        records = smiles_records([_checked_smiles(str(spec))])
        return _ligands(records, "SMILES", "ligand", template_smiles, largest_fragment)
    stem = path.name.removesuffix(".gz").removesuffix(".GZ")
    return _ligands(read_records(path), str(path), Path(stem).stem, template_smiles, largest_fragment)


def read_ligand(spec: str | Path, *, template_smiles: str | None = None, largest_fragment: bool = False) -> Ligand:
    """The only molecule of a file or SMILES string; arguments as in `read_ligands`.

    Raises:
        InputError: when it cannot be docked, or when the file holds several molecules, with their number.
    """
    found = read_ligands(spec, template_smiles=template_smiles, largest_fragment=largest_fragment)
    first = next(found)
    others = sum(1 for _ in islice(found, MAX_COUNTED))
    if others:
        count = f"{others + 1}" if others < MAX_COUNTED else f"more than {MAX_COUNTED}"
        raise InputError(f"{first.source}: {count} molecules, expected 1; split the file, or dock all as a batch")
    if isinstance(first, LigandFailure):
        raise InputError(first.message)
    return first


def _ligands(
    records: Iterator[Record], source: str, stem: str, template_smiles: str | None, largest_fragment: bool
) -> Iterator[Ligand | LigandFailure]:
    """Ligands and failures of a stream of records; the first record is read before returning."""
    first = next(records, None)
    if first is None:
        raise InputError(f"{source}: no molecules found; check that the file is not empty and has the right suffix")

    def iterate() -> Iterator[Ligand | LigandFailure]:
        record: Record | None = first
        while record is not None:
            name = record.name or (stem if record.number == 0 else f"{stem}_{record.number + 1}")
            try:
                ligand = prepare(
                    record, source=source, name=name, template_smiles=template_smiles, largest_fragment=largest_fragment
                )
                yield replace(ligand, tags=sd_tags(record.text)) if record.kind == "sdf" else ligand
            except InputError as error:
                message = one_line(f"{source}, molecule {record.number + 1} ({name}): {error}")
                yield LigandFailure(source=source, index=record.number, name=name, message=message)
            index = record.number + 1
            try:
                record = next(records, None)
            except InputError as error:
                yield LigandFailure(source=source, index=index, name=f"{stem}_{index + 1}", message=str(error))
                return

    return iterate()


def _existing_file(spec: str | Path) -> Path | None:
    """The path that `spec` names, or None when nothing of that name exists.

    Raises:
        InputError: for a folder.
    """
    text = os.path.expanduser(str(spec))
    try:
        path = Path(text)
        if not text or not path.exists():
            return None
    except (OSError, ValueError):  # too long for a file name, or with a null byte: not a path
        return None
    if path.is_dir():
        raise InputError(f"{spec}: is a folder, expected a ligand file or a SMILES string; name one file in it")
    return path


def _checked_smiles(text: str) -> str:
    """`text`, if it can be taken as `SMILES [name]`.

    Raises:
        InputError: "file not found" for what looks like a path; otherwise that it is no SMILES.
    """
    shown = text if len(text) <= 80 else text[:77] + "..."
    suffix = suffix_of(text) if len(text) <= MAX_SMILES_LENGTH else ""
    if suffix in KINDS or suffix in FOREIGN:
        raise InputError(f"{shown}: file not found; check the path")
    if not text.strip() or "\n" in text or "\r" in text:
        raise InputError(f"{shown!r} is neither a ligand file nor one SMILES string; give a path or a SMILES")
    record = next(smiles_records([text]), None)
    if record is None:
        raise InputError(f"{shown!r} is neither a ligand file nor one SMILES string; give a path or a SMILES")
    if len(record.text) <= MAX_SMILES_LENGTH and not _parses(record.text):
        looks_like_path = os.sep in text or "\\" in text or text.startswith(("~", ".")) or bool(suffix)
        what = "file not found, and not a SMILES string" if looks_like_path else "neither a file nor a SMILES string"
        raise InputError(f"{shown}: {what}; check it for typing errors")
    return text


def _parses(smiles: str) -> bool:
    """Whether RDKit can read the string, chemistry apart."""
    options = Chem.SmilesParserParams()
    options.sanitize = False
    options.parseName = False
    with rdBase.BlockLogs():
        try:
            return Chem.MolFromSmiles(smiles, options) is not None
        except (RuntimeError, ValueError):
            return False
