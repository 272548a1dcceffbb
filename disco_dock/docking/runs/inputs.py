"""The complexes of a run: from one protein and a ligand file, or from a CSV in DiffDock's columns."""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from disco_dock.chem.ligand import Ligand, LigandFailure
from disco_dock.chem.ligand_states import LigandReader, state_reader
from disco_dock.chem.ligands.read_ligand import read_ligands
from disco_dock.docking.runs.bound_ligand import bound_ligand
from disco_dock.docking.runs.input_files import existing_file
from disco_dock.docking.runs.names import UniqueNames, complex_name, safe_name
from disco_dock.runtime.errors import DiscoError, InputError, one_line
from disco_dock.runtime.user_files import check_lines, read_bytes

MAX_COMPLEXES = 20_000
"""Most complexes of a run; all ligands are read before the first is docked (0.4 ms each), and held (12 KB each)."""

ALIASES = {
    "complex_name": ("name", "id"),
    "ligand_description": ("ligand", "ligand_path", "ligand_smiles", "smiles"),
    "protein_path": ("protein", "receptor"),
}
"""Titles that other programs give to the columns."""

COLUMNS = ("complex_name", "protein_path", "ligand_description", "protein_sequence")


@dataclass(frozen=True, kw_only=True)
class DockingJob:
    """One complex to dock.

    Attributes:
        name: unique and safe as a folder name.
        protein: receptor file.
        ligand: the molecule.
        ligand_spec: file or SMILES as the user gave it.
    """

    name: str
    protein: Path
    ligand: Ligand
    ligand_spec: str


@dataclass(frozen=True, kw_only=True)
class FailedInput:
    """An input that could not be read: its name, what the user gave, and the error as code and sentence."""

    name: str
    protein: str
    ligand_spec: str
    error_code: str
    message: str


Job = DockingJob | FailedInput


@dataclass(frozen=True, kw_only=True)
class JobList:
    """The complexes of a run in input order.

    Attributes:
        jobs: all of them.
        single: the complex of a run that is not a batch.
        states_of: name of the only complex of which the jobs are states, or None.
    """

    jobs: tuple[Job, ...]
    single: DockingJob | None = None
    states_of: str | None = None


def ligand_reader(
    template_smiles: str | None, largest_fragment: bool, stereo_isomers: int = 0, *, protonate: float | None = None
) -> LigandReader:
    """A function that yields the molecules of a file or SMILES with these options, each state as one of its own.

    Raises:
        ConfigError: the number of stereo isomers or the pH is out of range.
    """

    def read(given: str | Ligand) -> Iterator[Ligand | LigandFailure]:
        if isinstance(given, Ligand):
            return iter([given])
        return read_ligands(given, template_smiles=template_smiles, largest_fragment=largest_fragment)

    return state_reader(read, protonate=protonate, isomers=stereo_isomers)


def jobs_of_ligands(
    protein: str | Path, ligand: str | Path, read: LigandReader, *, smiles: str | None = None
) -> JobList:
    """One complex for each molecule of `ligand`.

    Args:
        protein: receptor file.
        ligand: file of one or many molecules, a SMILES string, or the name of a ligand in the protein file.
        read: as made by `ligand_reader`.
        smiles: template of a ligand in the protein file.

    Raises:
        InputError: there is no such protein file, or the ligand file has no molecule, one that cannot be read, or too
            many.
    """
    spec = str(ligand)
    existing_file(Path(protein))
    bound = bound_ligand(Path(protein), spec, smiles)
    molecules = list(islice(read(spec if bound is None else bound), MAX_COMPLEXES + 1))
    if len(molecules) > MAX_COMPLEXES:
        raise _too_many(spec)
    if not molecules:
        raise InputError(f"{spec}: no molecule found; give a file with at least one molecule or a SMILES string")
    names = UniqueNames()
    states = _state_suffixes(molecules)
    if states is not None:
        name = complex_name(Path(protein), molecules[0].name.removesuffix(states[0]))
        titled = zip(states, molecules, strict=True)
        jobs = tuple(_job(name + suffix, protein, spec, molecule, names) for suffix, molecule in titled)
        return JobList(jobs=jobs, states_of=safe_name(name))
    if len(molecules) > 1:
        return JobList(jobs=tuple(_job(molecule.name, protein, spec, molecule, names) for molecule in molecules))
    if isinstance(molecules[0], LigandFailure):
        raise InputError(molecules[0].message)
    name = complex_name(Path(protein), molecules[0].name)
    job = DockingJob(name=names.take(name), protein=Path(protein), ligand=molecules[0], ligand_spec=spec)
    return JobList(jobs=(job,), single=job)


def jobs_of_csv(path: str | Path, read: LigandReader) -> JobList:
    """The complexes of a CSV with the columns complex_name, protein_path, ligand_description, protein_sequence.

    Paths are looked up relative to the CSV's folder, then to the current one. A row that cannot be used becomes a
    `FailedInput`; a row whose ligand file has several molecules becomes several complexes.

    Raises:
        InputError: the file cannot be read, lacks a needed column, has no rows, or means too many complexes.
    """
    path = Path(path)
    names = UniqueNames()
    jobs: list[Job] = []
    for line, row in _rows(path):
        jobs.extend(_row_jobs(path, line, row, read, names))
        if len(jobs) > MAX_COMPLEXES:
            raise _too_many(path)
    if not jobs:
        raise InputError(
            f"{path}: no rows below the header; add one row per complex with the columns {', '.join(COLUMNS)}"
        )
    return JobList(jobs=tuple(jobs))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and stripped cells of each row that is not blank."""
    try:
        data = read_bytes(path)
        check_lines(path, data)
        text = data.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be opened ({reason}); check the path given to --csv") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start}); save the table as CSV in UTF-8") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        columns = [(name or "").strip() for name in reader.fieldnames or []]
        for column, others in ALIASES.items():  # DiffDock's test sets and DynamicBind
            known = [name for name in others if columns.count(name) == 1]
            if column not in columns and known:
                columns[columns.index(known[0])] = column
    except csv.Error as error:
        raise InputError(f"{path}: its header is not valid CSV ({error}); check its quotes") from error
    for needed in ("protein_path", "ligand_description"):
        if needed not in columns:
            found = one_line(", ".join(columns), 200) or "an empty file"
            raise InputError(
                f"{path}: column {needed} is missing (found {found}); the columns are {', '.join(COLUMNS)}"
            )
    reader.fieldnames = columns
    try:
        for row in reader:
            cells = {key: (row.get(key) or "").strip() for key in COLUMNS}
            if any(cells.values()):
                yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num} is not valid CSV ({error}); check its quotes") from error


def _row_jobs(path: Path, line: int, row: Mapping[str, str], read: LigandReader, names: UniqueNames) -> list[Job]:
    title = row["complex_name"]
    spec, protein = row["ligand_description"], row["protein_path"]
    try:
        if not protein and row["protein_sequence"]:
            raise InputError(
                f"{path}: line {line} gives only a protein sequence, and structures are not predicted here; "
                "fold the sequence with another tool and put the file's path under protein_path"
            )
        for column in ("protein_path", "ligand_description"):
            if not row[column]:
                raise InputError(f"{path}: line {line} has no {column}; fill the cell")
        found = _locate(path, protein)
        if found is None:
            raise InputError(
                f"{path}: line {line}: protein file {one_line(protein, 200)} does not exist beside the CSV or in this "
                "folder"
            )
        molecules = list(islice(read(str(_locate(path, spec) or spec)), MAX_COMPLEXES + 1))
        if not molecules:
            raise InputError(f"{path}: line {line}: ligand file {one_line(spec, 200)} holds no molecule")
    except DiscoError as error:
        name = names.take(title or f"line_{line}")
        return [FailedInput(name=name, protein=protein, ligand_spec=spec, error_code=error.code, message=str(error))]
    states = _state_suffixes(molecules)
    if states is not None and title:
        titled = zip(states, molecules, strict=True)
        return [_job(title + suffix, found, spec, molecule, names) for suffix, molecule in titled]
    if len(molecules) == 1:
        return [_job(title or f"{found.name.split('.')[0]}_{molecules[0].name}", found, spec, molecules[0], names)]
    return [_job(f"{title}_{molecule.name}".lstrip("_"), found, spec, molecule, names) for molecule in molecules]


def _state_suffixes(molecules: Sequence[Ligand | LigandFailure]) -> list[str] | None:
    """Ends of the names ("_iso1", "_prot2", ...) where all are states of one molecule, else None."""
    states = [one.name[len(one.state_of) :] for one in molecules if isinstance(one, Ligand) and one.state_of]
    sources = {one.index_in_file for one in molecules if isinstance(one, Ligand)}
    return states if len(states) == len(molecules) and len(sources) == 1 else None


def _too_many(path: str | Path) -> InputError:
    return InputError(
        f"{path}: means more than {MAX_COMPLEXES} complexes, the most of one run; split it, or use disco-dock screen"
    )


def _locate(csv_path: Path, text: str) -> Path | None:
    """The existing file that a cell means, looked up beside the CSV and then in the current folder."""
    for candidate in (csv_path.parent / text, Path(text)):
        try:
            if candidate.is_file():
                return candidate
        except (OSError, ValueError):  # a SMILES can be too long for a path or hold characters that none may
            continue
    return None


def _job(title: str, protein: str | Path, spec: str, molecule: Ligand | LigandFailure, names: UniqueNames) -> Job:
    name = names.take(title)
    if isinstance(molecule, LigandFailure):
        return FailedInput(
            name=name, protein=str(protein), ligand_spec=spec, error_code=InputError.code, message=molecule.message
        )
    return DockingJob(name=name, protein=Path(protein), ligand=molecule, ligand_spec=spec)
