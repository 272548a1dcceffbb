"""The output folder of one complex, read back."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem, rdBase

from disco_dock.chem.group_request import GroupChoice
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.receptor import Receptor
from disco_dock.chem.write_complex import LIGAND_REMARK
from disco_dock.docking.runs.outputs import COMPLEX, POSES, RECORD, TABLE, TRAJECTORY
from disco_dock.runtime.errors import InputError

LIGAND_NAME = "LIG"


@dataclass(frozen=True, kw_only=True, eq=False)
class DockedFolder:
    """Everything that a report shows.

    Attributes:
        path: the folder.
        record: run.json.
        rows: results.csv, one dictionary of texts per pose, best first.
        mols: the poses with hydrogens, heavy atoms first, in the same order.
        receptor: as written beside the first pose.
        receptor_pdb: its text without the pose.
        frames: (steps + 1, atoms, 3) of the first pose in Angstrom, or None when they were not kept.
    """

    path: Path
    record: dict[str, Any]
    rows: list[dict[str, str]]
    mols: list[Chem.Mol]
    receptor: Receptor
    receptor_pdb: str
    frames: np.ndarray | None


def is_docked(folder: Path) -> bool:
    """Whether a folder holds the files of one complex."""
    return all((folder / name).is_file() for name in (RECORD, TABLE, POSES, COMPLEX))


def docked_folders(folder: Path) -> list[Path]:
    """The folder itself when it holds one complex, else those below it that do.

    Raises:
        InputError: there is none.
    """
    if is_docked(folder):
        return [folder]
    found = sorted(path for path in folder.iterdir() if is_docked(path)) if folder.is_dir() else []
    if not found:
        raise InputError(
            f"{folder}: holds no results of disco-dock predict (poses.sdf, results.csv, run.json); name its -o folder"
        )
    return found


def read_folder(folder: Path) -> DockedFolder:
    """Read the files of one complex.

    Raises:
        InputError: a file is missing or damaged.
    """
    if not is_docked(folder):
        raise InputError(f"{folder}: is not the folder of one docked complex; it lacks one of its files")
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        with (folder / TABLE).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except ValueError as error:
        raise InputError(f"{folder}: {RECORD} or {TABLE} is damaged ({error}); dock again with --overwrite") from error
    with rdBase.BlockLogs():
        found = Chem.SDMolSupplier(str(folder / POSES), removeHs=False)
        mols = [_heavy_atoms_first(mol) for mol in found if mol is not None]
    if not rows or len(mols) != len(rows):
        raise InputError(
            f"{folder}: {POSES} has {len(mols)} readable poses and {TABLE} {len(rows)}; dock again with --overwrite"
        )
    lines = (folder / COMPLEX).read_text(encoding="utf-8").splitlines()
    chain = next((line[len(LIGAND_REMARK) :][:1] for line in lines if line.startswith(LIGAND_REMARK)), None)
    kept = [line for line in lines if not _is_pose(line, chain)]
    trajectory = folder / TRAJECTORY
    return DockedFolder(
        path=folder,
        record=record,
        rows=rows,
        mols=mols,
        receptor=read_receptor(folder / COMPLEX, groups=_all_groups_but_the_pose(chain)),
        receptor_pdb="\n".join(kept) + "\n",
        frames=_frames(trajectory) if trajectory.is_file() else None,
    )


def _heavy_atoms_first(mol: Chem.Mol) -> Chem.Mol:
    """A pose whose hydrogens, in the order of the user's file, come after its other atoms."""
    order = sorted(range(mol.GetNumAtoms()), key=lambda index: mol.GetAtomWithIdx(index).GetAtomicNum() == 1)
    if order == list(range(len(order))):
        return mol
    renumbered = Chem.RenumberAtoms(mol, order)
    for name in mol.GetPropNames(includePrivate=True):
        renumbered.SetProp(name, mol.GetProp(name))
    return renumbered


def _is_pose(line: str, chain: str | None) -> bool:
    """Whether a line is of the docked ligand; older files do not tell its chain."""
    if line.startswith("CONECT"):
        return True
    return line.startswith("HETATM") and line[17:20] == LIGAND_NAME and chain in (None, line[21])


def _all_groups_but_the_pose(chain: str | None) -> GroupChoice:
    """What the file of a complex holds beside the pose are the groups that were kept."""
    pose = LIGAND_NAME if chain is None else f"{chain.strip()}:{LIGAND_NAME}1"
    return GroupChoice(keep=("all", "water"), drop=(pose,))


def _frames(path: Path) -> np.ndarray:
    """(models, atoms, 3) positions of a PDB file of many models."""
    frames: list[list[tuple[float, ...]]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("MODEL"):
            frames.append([])
        elif line.startswith("HETATM"):
            frames[-1].append(tuple(float(line[start : start + 8]) for start in (30, 38, 46)))
    return np.array(frames)
