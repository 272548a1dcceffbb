"""Strain by MMFF94s."""

from __future__ import annotations

import pytest

from disco_dock.chem.conformers import embed
from disco_dock.chem.read_ligand import read_ligand
from disco_dock.physics.mmff import strain


@pytest.mark.parametrize("smiles", ["CCCC(=O)N", "FC(F)(F)C(F)(F)F"])
def test_strain_is_above_the_free_minimum_with_and_without_hydrogens(smiles):
    ligand = read_ligand(smiles)
    pos = embed(ligand.mol, seed=0).pos
    near, far = strain(ligand, pos), strain(ligand, 1.1 * pos)
    assert near is not None and far is not None
    assert -1e-3 <= near < far


def test_elements_without_parameters_have_no_strain():
    ligand = read_ligand("C[Se]C")
    assert strain(ligand, embed(ligand.mol, seed=0).pos) is None
