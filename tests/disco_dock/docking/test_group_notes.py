"""The warning about a group that was left out where the ligand is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from disco_dock.chem.group_choice import MAY_BE_DOCKED
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.receptor import HeteroGroup
from disco_dock.docking.group_notes import group_distances, group_notes
from disco_dock.docking.runs.self_test import write_peptide
from disco_dock.runtime.notes import Caution

DRUG = HeteroGroup(
    name="GP6",
    chain="A",
    number=910,
    insertion="",
    kind="ligand",
    elements=("C", "C", "N"),
    atom_names=("C1", "C2", "N1"),
    pos=np.array([[0.0, 0.0, 0.0], [1.5, 0.0, 0.0], [3.0, 0.0, 0.0]]),
    kept=False,
    why=MAY_BE_DOCKED,
)
POSE = np.array([[3.0, 4.0, 0.0], [3.0, 5.5, 0.0], [3.0, 7.0, 0.0]])  # 4 Angstrom away


@pytest.fixture(scope="module")
def receptor(tmp_path_factory):
    path = tmp_path_factory.mktemp("peptide") / "p.pdb"
    write_peptide(path)
    return read_receptor(path)


@pytest.mark.parametrize(
    ("change", "smiles", "shift", "warned"),
    [
        ({}, "CCO", 0.0, True),
        ({}, "CCO", 3.0, False),  # too far
        ({}, "CCN", 0.0, False),  # the docked molecule itself
        ({"kept": True}, "CCO", 0.0, False),
        ({"why": "not wanted"}, "CCO", 0.0, False),  # the user has said so
        ({"why": "it is what the pocket was given by"}, "CCO", 0.0, False),
    ],
)
def test_warned_only_of_what_may_be_wanted(receptor, change, smiles, shift, warned):
    own = replace(receptor, context=(replace(DRUG, **change),))
    notes = list(group_notes(own, read_ligand(smiles), POSE + (0, shift, 0)))
    assert bool(notes) is warned
    if warned:
        assert isinstance(notes[0], Caution) and "--keep A:GP6:910" in notes[0] and "A:GP6:910 was left out" in notes[0]
    assert group_distances(own, POSE) == [4.0]
