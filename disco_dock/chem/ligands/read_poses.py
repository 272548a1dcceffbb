"""Poses that another program, or a crystal, gave: files of many poses to one molecule with many positions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdBase

from disco_dock.chem.ligand import Ligand, LigandFailure
from disco_dock.chem.ligands.hetatm_ligand import read_hetatm_ligand
from disco_dock.chem.ligands.ligand_files import Record, read_records, suffix_of
from disco_dock.chem.ligands.pdbqt_poses import read_pdbqt_poses
from disco_dock.chem.ligands.prepare_ligand import prepare
from disco_dock.chem.ligands.sd_tags import sd_tags, tag_name, tag_value
from disco_dock.runtime.errors import InputError, one_line

MAX_POSES = 10_000
"""Most poses that are read at once; all are held."""

COMPLEXES = (".cif", ".mmcif")


class GivenPose(NamedTuple):
    """One pose: the molecule as its record has it, the file and place it came from, and the record's SD tags."""

    ligand: Ligand
    origin: str
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class GivenPoses:
    """Poses of one molecule.

    Attributes:
        ligand: of L heavy atoms, whose order the poses have.
        pos: (poses, L, 3) Angstrom.
        origins: file and number of each pose's record, such as "vina.sdf:3".
        tags: SD tags of each record.
    """

    ligand: Ligand
    pos: np.ndarray
    origins: tuple[str, ...]
    tags: tuple[Mapping[str, str], ...]


def read_poses(
    paths: Iterable[str | Path], *, ligand: Ligand | None = None, group: str = "", largest_fragment: bool = False
) -> tuple[list[GivenPoses], list[LigandFailure]]:
    """The poses of some files by molecule, in the order of their first pose, and the records that are none.

    SDF, MOL2 and PDBQT files hold many poses; a PDB or mmCIF file holds one, as a ligand alone or among the groups of
    a complex. Poses of one molecule may differ in the order of their atoms and in stereochemistry.

    Args:
        paths: files.
        ligand: the molecule that all poses are of: it gives bond orders to formats without them and the stereo that
            poses are compared with. None: each record tells its own, and the first pose of a molecule its stereo.
        group: residue name of the ligand in a complex ("LIG" or "B:LIG1"), or "" for its only one.
        largest_fragment: keep the largest of several fragments.

    Raises:
        InputError: a file cannot be read, or no record of any is a pose.
    """
    records = [one for path in paths for one in _of_file(Path(path), ligand, group, largest_fragment)]
    return _by_molecule(records, ligand, "no poses were given; name a file of poses")


def poses_of_mols(
    mols: Sequence[Chem.Mol], *, ligand: Ligand | None = None
) -> tuple[list[GivenPoses], list[LigandFailure]]:
    """The same of RDKit molecules, every conformer a pose; their properties are the tags.

    Raises:
        InputError: none is a pose.
    """
    records = []
    for number, mol in enumerate(mols):
        tags = {tag_name(name): tag_value(mol.GetProp(name).splitlines()) for name in mol.GetPropNames()}
        name = one_line(mol.GetProp("_Name"), 80) if mol.HasProp("_Name") else ""
        for conformer in mol.GetConformers():
            block = Chem.MolToMolBlock(mol, confId=conformer.GetId())
            records.append(_prepared(Record("sdf", number, name, block), "molecules", None, tags, False))
    return _by_molecule(records, ligand, "no molecule has a conformer; give docked molecules")


def _of_file(
    path: Path, ligand: Ligand | None, group: str, largest_fragment: bool
) -> Iterator[GivenPose | LigandFailure]:
    """The records of a file, not more than are read at once."""
    for number, one in enumerate(_records(path, ligand, group, largest_fragment)):
        if number == MAX_POSES:
            raise InputError(f"{path}: has more than {MAX_POSES} poses, the most that are read at once; split it")
        yield one


def _records(
    path: Path, ligand: Ligand | None, group: str, largest_fragment: bool
) -> Iterator[GivenPose | LigandFailure]:
    smiles = None if ligand is None else ligand.smiles
    suffix = suffix_of(path)
    if suffix in COMPLEXES or (suffix == ".pdb" and (group or _is_complex(path))):
        if smiles is None:
            raise InputError(f"{path}: a structure file holds no bond orders; give the molecule with --ligand")
        yield GivenPose(read_hetatm_ligand(path, group=group, smiles=smiles), path.name, {})
    elif suffix == ".pdbqt":
        for record, score in read_pdbqt_poses(path, smiles):
            yield _prepared(record, path.name, smiles, {"vina_result": score} if score else {}, largest_fragment)
    else:
        for record in read_records(path):
            yield _prepared(record, path.name, smiles, sd_tags(record.text), largest_fragment)


def _is_complex(path: Path) -> bool:
    """Whether a PDB file holds more than one molecule: it has ATOM records of residues."""
    record = next(read_records(path), None)
    return record is not None and any(
        line.startswith("ATOM  ") and line[13:15] == "CA" for line in record.text.split("\n")
    )


def _prepared(
    record: Record, source: str, smiles: str | None, tags: Mapping[str, str], largest_fragment: bool
) -> GivenPose | LigandFailure:
    """A record as a pose, or why it is none."""
    name, origin = record.name or Path(source).stem, f"{source}:{record.number + 1}"
    template = smiles if record.kind == "pdb" else None
    try:
        ligand = prepare(record, source=source, name=name, template_smiles=template, largest_fragment=largest_fragment)
        if ligand.pos is None:
            raise InputError("has no 3-D coordinates, so it is no pose; dock it with disco-dock predict")
    except InputError as error:
        message = one_line(f"{origin} ({name}): {str(error).replace('--smiles', '--ligand')}")
        return LigandFailure(source=source, index=record.number, name=name, message=message)
    return GivenPose(ligand, origin, tags)


def _by_molecule(
    records: Sequence[GivenPose | LigandFailure], ligand: Ligand | None, none: str
) -> tuple[list[GivenPoses], list[LigandFailure]]:
    """Poses by molecule, and the failures, among them poses of another molecule than `ligand`."""
    groups: dict[str, tuple[Ligand, list[GivenPose], list[np.ndarray]]] = {}
    failures = []
    for one in records:
        if isinstance(one, LigandFailure):
            failures.append(one)
            continue
        own = one.ligand
        key = "" if ligand is not None else Chem.MolToSmiles(own.mol, isomericSmiles=False)
        reference = groups[key][0] if key in groups else ligand or own
        order = atom_order(reference.mol, own.mol)
        if order is None or own.pos is None:
            message = f"{one.origin} ({own.name}): is another molecule than --ligand, {reference.smiles}"
            failures.append(LigandFailure(source=own.source, index=own.index_in_file, name=own.name, message=message))
            continue
        _, members, places = groups.setdefault(key, (reference, [], []))
        members.append(one)
        places.append(own.pos[order])
    if not groups:
        raise InputError(failures[0].message if failures else none)
    found = [
        GivenPoses(
            ligand=reference,
            pos=np.stack(places),
            origins=tuple(one.origin for one in members),
            tags=tuple(one.tags for one in members),
        )
        for reference, members, places in groups.values()
    ]
    return found, failures


def atom_order(reference: Chem.Mol, mol: Chem.Mol) -> np.ndarray | None:
    """For each atom of the reference the atom of a molecule that is the same, (L,) int64, or None for another molecule.

    Stereochemistry is matched where it can be; charges, bond orders and hydrogens need not agree where the skeleton of
    elements and bonds does, for programs differ in them.

    Args:
        reference: without explicit hydrogens.
        mol: the same.
    """
    if (reference.GetNumAtoms(), reference.GetNumBonds()) != (mol.GetNumAtoms(), mol.GetNumBonds()):
        return None
    for chirality in (True, False):
        match = mol.GetSubstructMatch(reference, useChirality=chirality)
        if match:
            return np.array(match, dtype=np.int64)
    with rdBase.BlockLogs():
        match = _skeleton(mol).GetSubstructMatch(_skeleton(reference))
    return np.array(match, dtype=np.int64) if match else None


def _skeleton(mol: Chem.Mol) -> Chem.Mol:
    """Elements and single bonds only."""
    bare = Chem.RWMol()
    for atom in mol.GetAtoms():
        bare.AddAtom(Chem.Atom(atom.GetAtomicNum()))
    for bond in mol.GetBonds():
        bare.AddBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), Chem.BondType.SINGLE)
    return bare.GetMol()
