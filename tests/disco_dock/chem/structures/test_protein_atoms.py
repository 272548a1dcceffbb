"""The vocabulary of heavy atoms."""

from __future__ import annotations

import pytest

from disco_dock.chem.residue_features import HEAVY_ATOMS
from disco_dock.chem.structures.protein_atoms import BACKBONE, KINDS, SIDE_CHAINS, atom_kind, nameless_kinds


def test_every_standard_residue_has_all_its_atoms():
    assert {name: len(BACKBONE) - 1 + len(atoms.split()) for name, atoms in SIDE_CHAINS.items()} == HEAVY_ATOMS
    assert len(set(KINDS)) == len(KINDS) < 256  # one byte in a shard


@pytest.mark.parametrize(
    ("residue", "name", "element", "kind"),
    [
        ("ASP", "OD1", "O", "ASP OD1"),
        ("HIE", "NE2", "N", "HIS NE2"),
        ("CYX", "SG", "S", "CYS SG"),
        ("MET", "SE", "Se", "MET SD"),
        ("SEP", "P", "P", "residue P"),
        ("misc", "C7", "C", "residue C"),
        ("GLY", "CB", "C", "residue C"),
        ("", "FE", "Fe", "group Fe"),
        ("", "C1", "C", "group C"),
        ("", "XX", "Gd", "group other"),
        ("LYS", "X1", "As", "residue other"),
    ],
)
def test_kinds(residue, name, element, kind):
    assert KINDS[atom_kind(residue, name, element)] == kind


def test_hidden_residues_keep_the_element_only():
    hidden = [KINDS[index] for index in nameless_kinds()]
    for kind, left in zip(KINDS, hidden, strict=True):
        owner, name = kind.split()
        assert left == (f"residue {name[0]}" if owner in SIDE_CHAINS else kind)
