"""PDB and mmCIF files, plain or gzipped, to the groups of their first model."""

from __future__ import annotations

import gzip
import io
import warnings
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from Bio.PDB.Atom import Atom, DisorderedAtom
from Bio.PDB.MMCIFParser import MMCIFParser
from Bio.PDB.PDBParser import PDBParser
from Bio.PDB.Residue import DisorderedResidue, Residue

from disco_dock.chem.ligand_files import suffix_of
from disco_dock.runtime.errors import InputError, one_line
from disco_dock.runtime.user_files import MIB, check_lines, read_bytes

PDB_SUFFIXES = frozenset({".pdb", ".ent", ".pdb1", ".pqr"})
CIF_SUFFIXES = frozenset({".cif", ".mmcif"})
LIGAND_SUFFIXES = frozenset({".sdf", ".sd", ".mol", ".mol2", ".smi", ".smiles"})
MAX_COORDINATE = 1e5  # Angstrom
MAX_STRUCTURE_BYTES, MAX_STRUCTURE_LINES = 64 * MIB, 2_000_000
"""Largest structure file, decompressed."""

MAX_STRUCTURE_ATOMS = 300_000
"""Most atoms of a structure file, all models together (a ribosome has some 200,000); Biopython takes 2.5 KB for one."""


class Group(NamedTuple):
    """Atoms of one residue or hetero group, alternate locations resolved to the highest occupancy.

    `hetero` tells a HETATM record; `pos` is float64 (atoms, 3) in Angstrom.
    """

    chain: str
    number: int
    insertion: str
    name: str
    hetero: bool
    atom_names: tuple[str, ...]
    elements: tuple[str, ...]
    pos: np.ndarray


def read_groups(path: Path) -> tuple[list[Group], list[str]]:
    """Groups of the first model of a structure file, in file order, and notes about what was chosen.

    Raises:
        InputError: the file cannot be opened or is not a structure.
    """
    text = read_text(path)
    is_cif = _is_cif(path, text)
    parser = MMCIFParser(QUIET=True) if is_cif else PDBParser(QUIET=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            structure = parser.get_structure("receptor", io.StringIO(text))
            models = list(structure or ())
    except Exception as error:  # Biopython raises many kinds for broken files; each means that the file is broken
        reason = one_line(str(error), 200) or type(error).__name__
        kind = "mmCIF" if is_cif else "PDB"
        raise InputError(f"{path}: is not a readable {kind} file ({reason}); repair or download it again") from error
    if not models or not any(True for _ in models[0].get_residues()):
        raise InputError(f"{path}: no atom was found; give a PDB or mmCIF file with coordinates")
    notes = []
    if len(models) > 1:
        notes.append(f"{len(models)} models in the file: the first one is used")
    groups, alternates = [], 0
    for residue in models[0].get_residues():
        chosen = _best_residue(residue)
        alternates += residue.is_disordered() > 0
        groups.append(_group(path, chosen))
    if alternates:
        plural = "residues have" if alternates > 1 else "residue has"
        notes.append(f"{alternates} {plural} alternate locations: the one with the highest occupancy is used")
    return groups, notes


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
    return raw.decode("utf-8", errors="replace")


def _is_cif(path: Path, text: str) -> bool:
    """Whether a file is mmCIF: by its suffix, else by its first words."""
    suffix = suffix_of(path)
    if suffix in CIF_SUFFIXES:
        return True
    return suffix not in PDB_SUFFIXES and text.lstrip().lower().startswith("data_")


def _best_residue(residue: Residue | DisorderedResidue) -> Residue:
    """The residue itself, or of several residues at one place (a point mutation) the one with the highest occupancy."""
    if not isinstance(residue, DisorderedResidue):
        return residue
    candidates = residue.disordered_get_list()
    return max(candidates, key=lambda one: np.mean([_best_atom(atom).get_occupancy() or 0.0 for atom in one]))


def _best_atom(atom: Atom | DisorderedAtom) -> Atom:
    """The atom itself, or the alternate location with the highest occupancy, the first of equal ones."""
    if not isinstance(atom, DisorderedAtom):
        return atom
    return min(atom.child_dict.values(), key=lambda one: (-(one.get_occupancy() or 0.0), str(one.get_altloc())))


def _group(path: Path, residue: Residue) -> Group:
    """A Biopython residue as arrays."""
    record, number, insertion = residue.get_id()
    atoms = [_best_atom(atom) for atom in residue]
    pos = np.array([atom.coord for atom in atoms], dtype=np.float64).reshape(-1, 3)
    chain = residue.get_parent().get_id()  # pyright: ignore[reportOptionalMemberAccess]
    bad = ~(np.abs(pos) < MAX_COORDINATE).all(1)
    if bad.any():
        atom = atoms[int(bad.argmax())]
        raise InputError(
            f"{path}: atom {atom.get_name()} of {chain.strip() or '_'}:{residue.get_resname().strip()}{number} has the "
            f"position {pos[bad][0].tolist()}; correct or remove it"
        )
    return Group(
        chain=chain,
        number=number,
        insertion=insertion.strip(),
        name=residue.get_resname().strip().upper(),
        hetero=record.strip() != "",
        atom_names=tuple(atom.get_name() for atom in atoms),
        elements=tuple((atom.element or "X").strip().capitalize() for atom in atoms),
        pos=pos,
    )
