"""PDB, PDBQT, PQR and mmCIF files, plain or gzipped, to the residues and groups of their model."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from disco_dock.chem.ligands.ligand_files import suffix_of
from disco_dock.chem.structures.atom_records import AtomRecord, RecordTally
from disco_dock.chem.structures.cif_records import cif_atoms
from disco_dock.chem.structures.file_models import is_assembly
from disco_dock.chem.structures.pdb_records import ATOMS, atoms_of, is_separated, pdb_models
from disco_dock.chem.structures.residue_sites import Site, name_copies, sites_of
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.user_files import MIB, check_lines, read_bytes

PDB_SUFFIXES = frozenset({".pdb", ".ent", ".brk", ".pdb1", ".pqr", ".pdbqt"})
CIF_SUFFIXES = frozenset({".cif", ".mmcif"})
LIGAND_SUFFIXES = frozenset({".sdf", ".sd", ".mol", ".mol2", ".smi", ".smiles"})
MAX_COORDINATE = 1e5  # Angstrom
MAX_STRUCTURE_BYTES, MAX_STRUCTURE_LINES = 64 * MIB, 2_000_000
"""Largest structure file, decompressed."""

MAX_STRUCTURE_ATOMS = 300_000
"""Most atoms of a structure file, all models together (a ribosome has some 200,000)."""

_ASSEMBLY = re.compile(r"\.pdb[0-9]+(\.gz)?", re.IGNORECASE)
_PDBQT = re.compile(r"^(ROOT|ENDROOT|TORSDOF\b.*|BRANCH\b.*)\s*$", re.MULTILINE)
_AUTODOCK_LINE = re.compile(r"(ATOM  |HETATM).{60} {0,4}.{0,6}[+-]?[0-9]+\.[0-9]{3} [A-Z][A-Za-z]?[0-9]?\s*")
_MAX_NAMED = 6


class Group(NamedTuple):
    """Atoms of one residue or hetero group, one of its alternate locations.

    `chain` is the file's name of the chain, or another where the file has the name twice; `hetero` tells a HETATM
    record; `pos` is float64 (atoms, 3) in Angstrom.
    """

    chain: str
    number: int
    insertion: str
    name: str
    hetero: bool
    atom_names: tuple[str, ...]
    elements: tuple[str, ...]
    pos: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class StructureFile:
    """What a structure file holds.

    Attributes:
        path: of the file.
        groups: chain by chain, in file order.
        notes: what was chosen, one sentence each.
        tally: what became of the atom records so far.
        originals: name of each chain in the file, where it has another here.
    """

    path: Path
    groups: list[Group]
    notes: list[str]
    tally: RecordTally
    originals: dict[str, str] = field(default_factory=dict)


def read_structure(path: Path) -> StructureFile:
    """The residues and groups of a structure file.

    Of an ensemble the first model is used, of an assembly all. Of alternate locations the one with the highest
    occupancy in its residue is used, the first letter of equal ones. Chains of one name are told apart.

    Raises:
        InputError: the file cannot be opened or is not a structure, or a record cannot be read.
    """
    text = read_text(path)
    models, virtual, number = _models(path, text)
    if not models or not any(models):
        raise InputError(f"{path}: no atom was found; give a PDB or mmCIF file with coordinates")
    tally = RecordTally(total=sum(map(len, models)) + virtual)
    tally.drop("lone pair, Drude particle or other site that is no atom", virtual)
    chosen, notes = _chosen_models(path, text, models, number)
    tally.drop("another model", sum(map(len, models)) - sum(len(models[index]) for index in chosen))
    sites = _sites([models[index] for index in chosen])
    names = name_copies(sites)
    originals = {name: chain for (chain, _), name in names.items() if name != chain or _is_repeated(chain, names)}
    notes += _chain_notes(names)
    groups, alternates, dropped = [], 0, 0
    for site in sorted(sites, key=_order_of_chains(sites)):
        group = _group(path, site, names[site.chain, site.copy])
        groups.append(group)
        dropped += len(site.records) - len(group.atom_names)
        alternates += len(site.records) > len(group.atom_names)
    tally.drop("another alternate location", dropped)
    if alternates:
        plural = "residues have" if alternates > 1 else "residue has"
        notes.append(f"{alternates} {plural} alternate locations: the one with the highest occupancy is used")
    return StructureFile(path=path, groups=groups, notes=notes, tally=tally, originals=originals)


def as_structure(source: str | Path | StructureFile) -> StructureFile:
    """The structure itself, or that of a file; errors as of `read_structure`."""
    return source if isinstance(source, StructureFile) else read_structure(Path(source))


def read_text(path: Path) -> str:
    """Content of a structure file, decompressed.

    Raises:
        InputError: it cannot be opened, is empty or too large, or is not text.
    """
    if suffix_of(path) in LIGAND_SUFFIXES:
        raise InputError(f"{path}: is a ligand file, not a protein; give a PDB or mmCIF file")
    try:
        raw = read_bytes(path, limit=MAX_STRUCTURE_BYTES)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check the path of the protein") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: is not a complete gzip file ({error}); download it again") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror or error}); check the path") from error
    except ValueError as error:  # a null byte in the path
        raise InputError(f"{path}: is not a possible path ({error}); check it") from error
    if not raw.strip():
        raise InputError(f"{path}: is empty; give a PDB or mmCIF file")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path}: is UTF-16 text; save it as UTF-8 or ASCII")
    if b"\x00" in raw[:4096]:
        raise InputError(f"{path}: is a binary file, not PDB or mmCIF text; convert it first")
    check_lines(path, raw)
    if raw.count(b"\n") > MAX_STRUCTURE_LINES:
        raise InputError(f"{path}: has more than {MAX_STRUCTURE_LINES} lines, the most that are read; check what it is")
    atoms = raw.count(b"\nATOM") + raw.count(b"\nHETATM")
    if atoms > MAX_STRUCTURE_ATOMS:
        raise InputError(
            f"{path}: holds {atoms} atoms, more than the {MAX_STRUCTURE_ATOMS} that are read; cut out the chains "
            "around the pocket, and one model"
        )
    return raw.decode("utf-8-sig", errors="replace")


def _models(path: Path, text: str) -> tuple[list[list[AtomRecord]], int, int]:
    """Atoms of each model, records that are no atoms, and the number of models."""
    if _is_cif(path, text):
        models, virtual = cif_atoms(path, text)
        return models, virtual, len(models)
    found = pdb_models(path, text, kind=_pdb_kind(path, text))
    return [atoms_of(path, model) for model in found], sum(model.virtual for model in found), len(found)


def _is_cif(path: Path, text: str) -> bool:
    """Whether a file is mmCIF: by its first words and items, else by its suffix."""
    if text.lstrip().lower().startswith(("data_", "#")) and "_atom_site." in text.lower():
        return True
    suffix = suffix_of(path)
    if suffix in CIF_SUFFIXES:
        return not any(line.startswith(ATOMS) for line in text.splitlines()[:200]) or "_atom_site." in text
    return suffix not in PDB_SUFFIXES and text.lstrip().lower().startswith("data_")


def _pdb_kind(path: Path, text: str) -> str:
    """Which dialect of PDB a file has: by its suffix, else by its records."""
    suffix = suffix_of(path)
    if suffix == ".pqr":
        return "pqr"
    if suffix == ".pdbqt" or _PDBQT.search(text):
        return "pdbqt"
    lines = [line for line in text.splitlines() if line.startswith(ATOMS)][:50]
    if lines and all(map(_AUTODOCK_LINE.fullmatch, lines)):
        return "pdbqt"
    return "pqr" if is_separated(lines) else "pdb"


def _chosen_models(
    path: Path, text: str, models: Sequence[Sequence[AtomRecord]], number: int
) -> tuple[list[int], list[str]]:
    """Indices of the models that are used, and what to say about it."""
    if number < 2:
        return [0], []
    ensemble = re.search(r"^EXPDTA.*NMR|_exptl\.method\s+'?\"?(SOLUTION|SOLID-STATE) NMR", text, re.MULTILINE)
    if ensemble is None and is_assembly(models):
        return list(range(number)), [
            f"{number} models in the file lie beside each other as the parts of an assembly: all are used"
        ]
    note = f"{number} models in the file: the first one is used"
    if _ASSEMBLY.search(path.name):
        note += "; if they are parts of an assembly, give each chain a letter of its own and write one model"
    return [0], [note]


def _sites(models: Sequence[Sequence[AtomRecord]]) -> list[Site]:
    """The sites of all models; chains of later models count as further copies."""
    sites: list[Site] = []
    for model in models:
        copies: dict[str, int] = {}
        for site in sites:
            copies[site.chain] = max(copies.get(site.chain, -1), site.copy)
        new = sites_of(model)
        for site in new:
            site.copy += copies.get(site.chain, -1) + 1
        _with_nearest_copy(new)
        sites += new
    return sites


def _with_nearest_copy(sites: Sequence[Site]) -> None:
    """Give each group whose chain is there several times to the copy that it lies next to."""
    by_copy: dict[str, dict[int, list[Site]]] = {}
    for site in sites:
        if site.polymer:
            by_copy.setdefault(site.chain, {}).setdefault(site.copy, []).append(site)
    repeated = {chain: copies for chain, copies in by_copy.items() if len(copies) > 1}
    trees = {
        chain: {copy: KDTree([one.pos for part in parts for one in part.records]) for copy, parts in copies.items()}
        for chain, copies in repeated.items()
    }
    for site in sites:
        if site.polymer or site.chain not in repeated:
            continue
        own = site.records[0].segment
        copies = repeated[site.chain]
        same = [copy for copy, parts in copies.items() if own and parts[0].records[0].segment == own]
        if same:
            site.copy = same[0]
            continue
        pos = np.array([record.pos for record in site.records])
        nearest = {copy: float(tree.query(pos)[0].min()) for copy, tree in trees[site.chain].items()}
        site.copy = min(nearest, key=lambda copy: (nearest[copy], copy))


def _order_of_chains(sites: Iterable[Site]):
    """Key that sorts sites by the first appearance of their chains."""
    order = {key: place for place, key in enumerate(dict.fromkeys((site.chain, site.copy) for site in sites))}
    return lambda site: order[site.chain, site.copy]


def _is_repeated(chain: str, names: dict[tuple[str, int], str]) -> bool:
    return sum(name == chain for name, _ in names) > 1


def _chain_notes(names: dict[tuple[str, int], str]) -> list[str]:
    """What to say about chains of one name."""
    notes = []
    for chain in dict.fromkeys(chain for chain, _ in names):
        own = [name for (other, _), name in names.items() if other == chain]
        if len(own) > 1:
            what = f"chain {chain} is there {len(own)} times" if chain else f"{len(own)} chains have no letter"
            shown = ", ".join(own[:_MAX_NAMED]) + (" ..." if len(own) > _MAX_NAMED else "")
            notes.append(f"{what}: called {shown} here, in file order")
    return notes


def _group(path: Path, site: Site, chain: str) -> Group:
    """The atoms of a site that are used."""
    records = _most_occupied(site.records)
    pos = np.array([record.pos for record in records], dtype=np.float32).astype(np.float64).reshape(-1, 3)
    first = records[0]
    bad = ~(np.abs(pos) < MAX_COORDINATE).all(1)
    if bad.any():
        raise InputError(
            f"{path}: atom {records[int(bad.argmax())].name} of {chain or '_'}:{first.residue}{first.number} has the "
            f"position {pos[bad][0].tolist()}; correct or remove it"
        )
    return Group(
        chain=chain,
        number=first.number,
        insertion=first.insertion,
        name=first.residue,
        hetero=first.hetero,
        atom_names=tuple(record.name for record in records),
        elements=tuple(record.element for record in records),
        pos=pos,
    )


def _most_occupied(records: Sequence[AtomRecord]) -> list[AtomRecord]:
    """The records of the likeliest residue and of its likeliest alternate location, in file order."""
    if not any(record.altloc for record in records):
        return list(records)
    mutants: dict[str, list[AtomRecord]] = {}
    for record in records:
        mutants.setdefault(record.residue, []).append(record)
    own = max(mutants.values(), key=_mean_occupancy)
    whole: dict[str, float] = {}
    for record in own:
        if record.altloc:
            whole[record.altloc] = whole.get(record.altloc, 0.0) + record.occupancy
    rank = {letter: place for place, letter in enumerate(sorted(whole, key=lambda one: (-round(whole[one], 4), one)))}
    best: dict[str, AtomRecord] = {}
    kept: list[AtomRecord] = []
    for record in own:
        if not record.altloc and record.name in best and not best[record.name].altloc:
            kept.append(record)  # equal names without alternate locations are different atoms
            continue
        other = best.get(record.name)
        if other is None:
            best[record.name] = record
            kept.append(record)
        elif rank.get(record.altloc, len(rank)) < rank.get(other.altloc, len(rank)):
            kept[kept.index(other)] = best[record.name] = record
    return kept


def _mean_occupancy(records: Sequence[AtomRecord]) -> float:
    """Mean over the atoms of the occupancy of each one's likeliest location."""
    best: dict[str, float] = {}
    for record in records:
        best[record.name] = max(best.get(record.name, 0.0), record.occupancy)
    return sum(best.values()) / len(best)
