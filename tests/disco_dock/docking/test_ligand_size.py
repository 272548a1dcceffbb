"""Plain warnings beyond what docking was measured for."""

from __future__ import annotations

import pytest

from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.docking.ligand_size import size_notes
from disco_dock.runtime.notes import Caution


@pytest.mark.parametrize(
    ("smiles", "parts"),
    [
        ("CC(=O)Nc1ccc(O)cc1", []),
        ("NCC(=O)NCC(=O)O", []),  # two residues
        ("NCC(=O)NC(C)C(=O)NC(CO)C(=O)O", ["peptide"]),
        ("C1CCCCCCCCCCC1O", ["macrocycle (a ring of 12 atoms)"]),
        ("C1CCCCCCC1O", []),
        ("CCCCCCCCCCCCCCCCCC(=O)O", ["16 rotatable bonds"]),
        ("CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC", ["42 heavy atoms"]),
        ("O=C1CNC(=O)CNC(=O)CNC(=O)CNC(=O)CN1", ["macrocycle", "peptide"]),
    ],
)
def test_what_is_said(smiles, parts):
    found = list(size_notes(read_ligand(smiles)))
    assert len(found) == len(parts) and all(isinstance(note, Caution) for note in found)
    assert all(part in note for part, note in zip(parts, found, strict=True)), found
