"""Which part of the form a sentence is about."""

from __future__ import annotations

import pytest

from disco_dock.server.errors import field_of


@pytest.mark.parametrize(
    ("sentence", "field"),
    [
        ("num_poses: this server makes at most 100 poses", "num_poses"),
        ("pocket_residues.0: string should match", "pocket_residues"),
        ("ligand.sdf, molecule 1 (x): no bonds", "ligand"),
        ("protein.pdb: has no chain Z", "protein"),
        ("pocket.mol2: has no atoms", "pocket_ligand"),
        ("smiles: must be one line", "smiles"),
        ("give one of ligand (a file) and smiles (text)", None),
        ("unknown: field", None),
    ],
)
def test_field(sentence, field):
    assert field_of(sentence) == field
