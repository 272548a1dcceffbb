"""Shapes of rings: those that bend get others, the same for the same seed, and what does not bend stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from disco_dock.chem.conformers import embed
from disco_dock.chem.ring_conformers import APART, _apart, _dihedrals, _quartets, bending_bonds, ring_conformers


def shapes(smiles, count=4, seed=0):
    mol = Chem.MolFromSmiles(smiles)
    return mol, ring_conformers(mol, embed(mol, seed=0).pos, count=count, seed=seed)


@pytest.mark.parametrize(("smiles", "bonds"), [("c1ccccc1", 0), ("C1CC1", 0), ("CCCC", 0), ("CC1CCNCC1", 6)])
def test_rings_that_bend(smiles, bonds):
    assert len(bending_bonds(Chem.MolFromSmiles(smiles))) == bonds


def test_a_flat_molecule_has_one_shape():
    mol, found = shapes("Cc1ccccc1")
    assert len(found) == 1 and np.array_equal(found[0], embed(mol, seed=0).pos)


@pytest.mark.parametrize("smiles", ["C[C@H]1CCCN(C)C1", "O=C1CCCCCCCCCCC1"])
def test_other_shapes_of_the_same_molecule(smiles):
    mol, found = shapes(smiles, count=3)
    assert 2 <= len(found) <= 3 and np.array_equal(found[0], embed(mol, seed=0).pos)
    quartets = _quartets(mol, bending_bonds(mol))
    angles = [_dihedrals(one, quartets) for one in found]
    assert min(_apart(one, other) for one in angles for other in angles if one is not other) > APART
    lengths = [
        np.linalg.norm(found[:, bond.GetBeginAtomIdx()] - found[:, bond.GetEndAtomIdx()], axis=1)
        for bond in mol.GetBonds()
    ]
    assert (np.abs(np.array(lengths) - np.array(lengths).mean(1, keepdims=True)) < 0.08).all()
    assert np.array_equal(shapes(smiles, count=3)[1], found)
    assert len(shapes(smiles, count=1)[1]) == 1


def test_dihedrals_are_signed_angles():
    pos = np.array([[1.0, 0, 0], [0, 0, 0], [0, 0, 1.0], [0, 1.0, 1.0]])
    turned = _dihedrals(pos, np.array([[0, 1, 2, 3]]))
    assert abs(turned[0]) == pytest.approx(np.pi / 2)
    mirrored = _dihedrals(pos * [1, -1, 1], np.array([[0, 1, 2, 3]]))
    assert mirrored[0] == pytest.approx(-turned[0])
    assert _apart(np.array([np.pi - 0.01]), np.array([-np.pi + 0.01])) == pytest.approx(0.02)
