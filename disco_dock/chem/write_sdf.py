"""Poses of a ligand as one SDF file with hydrogens and tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdBase

from disco_dock.chem.ligand import Ligand
from disco_dock.runtime.errors import one_line
from disco_dock.runtime.files import atomic_write

_V2000_RANGE = (-9999.0, 99999.0)  # Angstrom: what fits the ten characters of a V2000 coordinate


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseRecord:
    """One pose to write.

    Attributes:
        pos: float [L, 3] heavy atoms in Angstrom, in the ligand's order.
        tags: SD tags in the order to write them; names without `<`, `>` and line ends, values without blank lines.
    """

    pos: np.ndarray
    tags: Mapping[str, str] = field(default_factory=dict)


def pose_mol(ligand: Ligand, pos: np.ndarray) -> Chem.Mol:
    """The ligand in one pose with its hydrogens; heavy atoms first and in the ligand's order.

    Args:
        ligand: of L heavy atoms.
        pos: float [L, 3] in Angstrom, finite.

    Returns:
        Molecule with one 3-D conformer. Charges and stereo are the ligand's, whatever the pose; `stereo.stereo_kept`
        tells whether the pose agrees.

    Raises:
        ValueError: for a wrong shape or a coordinate that is not finite.
    """
    pos = np.ascontiguousarray(pos, dtype=np.float64)
    if pos.shape != (ligand.num_atoms, 3) or not np.isfinite(pos).all():
        raise ValueError(f"pos must be finite and of shape {(ligand.num_atoms, 3)}, got shape {pos.shape}")
    mol = Chem.Mol(ligand.mol)
    mol.RemoveAllConformers()
    conformer = Chem.Conformer(mol.GetNumAtoms())
    conformer.Set3D(True)
    conformer.SetPositions(pos)
    mol.AddConformer(conformer, assignId=True)
    with rdBase.BlockLogs():
        mol = Chem.AddHs(mol, addCoords=True)
    for name in list(mol.GetPropNames()):
        mol.ClearProp(name)
    mol.SetProp("_Name", one_line(ligand.name, 80).replace("$$$$", "$"))  # four would end the record
    return mol


def in_file_order(ligand: Ligand, mol: Chem.Mol) -> Chem.Mol:
    """A molecule of `pose_mol` with its atoms in the order of the ligand's file, hydrogens too.

    Where the file has other hydrogens than the pose, the heavy atoms come first.
    """
    count = ligand.num_atoms
    if not ligand.order:
        return mol
    hydrogens: dict[int, list[int]] = {}
    for atom in list(mol.GetAtoms())[count:]:
        hydrogens.setdefault(atom.GetNeighbors()[0].GetIdx(), []).append(atom.GetIdx())
    left = {parent: iter(found) for parent, found in hydrogens.items()}
    places = [one if one >= 0 else next(left.get(-1 - one, iter(())), None) for one in ligand.order]
    if None in places or len(places) != mol.GetNumAtoms():
        return mol
    name = mol.GetProp("_Name")
    mol = Chem.RenumberAtoms(mol, [place for place in places if place is not None])
    mol.SetProp("_Name", name)
    return mol


def sdf_text(ligand: Ligand, records: Sequence[PoseRecord]) -> str:
    """The poses as SDF text, in order; V2000, or V3000 for what V2000 cannot hold.

    Raises:
        ValueError: for a pose of a wrong shape, or a tag that would break the file.
    """
    stream = StringIO()
    writer = Chem.SDWriter(stream)
    with rdBase.BlockLogs():
        for record in records:
            mol = in_file_order(ligand, pose_mol(ligand, record.pos))
            for name, value in record.tags.items():
                _check_tag(name, value)
                mol.SetProp(name, value)
            writer.SetProps(list(record.tags))
            low, high = mol.GetConformer().GetPositions().min(), mol.GetConformer().GetPositions().max()
            writer.SetForceV3000(bool(low <= _V2000_RANGE[0] or high >= _V2000_RANGE[1]))
            writer.write(mol)
            writer.flush()
    writer.close()
    return stream.getvalue()


def write_sdf(path: str | Path, ligand: Ligand, records: Sequence[PoseRecord]) -> None:
    """Write the poses to one file, complete or not at all.

    Args:
        path: file to create or replace.
        ligand: the molecule.
        records: poses in the order to write them.

    Raises:
        ValueError: as `sdf_text`.
        OSError: when the file cannot be written.
    """
    text = sdf_text(ligand, records)
    with atomic_write(Path(path), "wb") as stream:
        stream.write(text.encode("utf-8"))


def _check_tag(name: str, value: str) -> None:
    if not name.strip() or any(character in name for character in "<>\n\r"):
        raise ValueError(f"SD tag name {name!r} must not be empty or contain '<', '>' or a line end")
    if any(not line.strip() for line in value.splitlines()[:-1]) or "$$$$" in value or "\n>" in value:
        raise ValueError(f"value of SD tag {name!r} must not contain a blank line, '$$$$' or a line starting with '>'")
