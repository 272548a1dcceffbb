"""Each molecule of a library with open stereo as several records, one for each configuration."""

from __future__ import annotations

from collections.abc import Iterator

from disco_dock.chem.ligands.ligand_files import Record
from disco_dock.chem.ligands.prepare_ligand import prepare
from disco_dock.chem.stereo_isomers import stereo_isomers
from disco_dock.runtime.errors import InputError


def isomer_records(records: Iterator[Record], count: int, *, stem: str, largest_fragment: bool) -> Iterator[Record]:
    """The records with those of open centres or double bonds replaced by their configurations, numbered anew.

    Args:
        records: of a library.
        count: most configurations of a molecule; 0 gives the records as they are.
        stem: makes the name of a record without one.
        largest_fragment: keep the largest fragment of a salt or mixture.
    """
    number = 0
    for record in records:
        for one in _configurations(record, count, stem, largest_fragment) if count else [record]:
            yield one._replace(number=number)
            number += 1


def _configurations(record: Record, count: int, stem: str, largest_fragment: bool) -> list[Record]:
    """The record itself where it is no molecule, or one of a single configuration."""
    name = record.name or f"{stem}_{record.number + 1}"
    try:
        ligand = prepare(record, source=stem, name=name, template_smiles=None, largest_fragment=largest_fragment)
    except InputError:  # told when it enters the ledger
        return [record._replace(name=name)]
    found = stereo_isomers(ligand, count)
    if len(found) == 1:
        return [record._replace(name=name)]
    return [Record("smi", record.number, one.name, one.smiles) for one in found]
