"""What other docking programs are given and give back: the same box, receptor and conformer, and atoms in our order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from rdkit import Chem

from disco_dock.chem.receptor import Receptor
from disco_dock.chem.write_sdf import pose_mol
from disco_dock.docking.refinement import is_trace
from disco_dock.docking.vina_box_file import Box
from disco_dock.evaluation.boxes import blind_box, pocket_box
from disco_dock.evaluation.cases import Case
from disco_dock.runtime.errors import InputError

Where = Literal["blind", "pocket"]
"""A box around the receptor, or around the crystal ligand."""
PREPARE_SECONDS, DOCK_SECONDS = 120.0, 3600.0
"""Limits of processor time."""


class Budget(NamedTuple):
    """Processor time of a program.

    Attributes:
        seconds: by complex.
        origin: what they depend on, as plain values; another origin makes earlier rows void.
    """

    seconds: Mapping[str, float]
    origin: Any


class Problem(NamedTuple):
    """What a program docks.

    Attributes:
        receptor: with its metals, cofactors and other kept groups.
        box: where.
        ligand: the conformer that the networks start from, in the middle of the box; never the crystal pose.
    """

    receptor: Receptor
    box: Box
    ligand: Chem.Mol


def problem(case: Case, where: Where, program: str) -> Problem:
    """What a program is given of a complex.

    Raises:
        InputError: it has no receptor atoms, or too few.
    """
    if case.receptor is None:
        raise InputError(f"{case.name}: shards hold no receptor atoms; give the files of the complexes")
    if is_trace(case.receptor):
        raise InputError(f"{case.name}: the receptor is a trace without side chains, which {program} cannot dock into")
    box = blind_box(case.receptor) if where == "blind" else pocket_box(case.crystal)
    return Problem(case.receptor, box, pose_mol(case.ligand, case.graph.conformer.double().numpy() + box.center))


def in_order(case: Case, mol: Chem.Mol, program: str) -> np.ndarray:
    """(atoms, 3) positions of a docked molecule in the atom order of the case's ligand.

    Raises:
        InputError: it is another molecule.
    """
    heavy = Chem.RemoveAllHs(mol)
    match = heavy.GetSubstructMatch(case.ligand.mol)
    if len(match) != case.ligand.num_atoms or len(match) != heavy.GetNumAtoms():
        raise InputError(f"{case.name}: {program}'s output is not the ligand; leave it out")
    return heavy.GetConformer().GetPositions()[list(match)]
