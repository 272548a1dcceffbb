"""Where bonds point: known molecules, whichever way they lie and in whatever order their atoms come."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import AllChem
from scipy.spatial.transform import Rotation

from disco_dock.ranking.bond_frames import frames, ligand_directions


def flat(smiles: str) -> tuple[Chem.Mol, np.ndarray, list[str]]:
    """Heavy atoms of an embedded molecule."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(mol, randomSeed=1)
    AllChem.MMFFOptimizeMolecule(mol)
    mol = Chem.RemoveHs(mol)
    return mol, mol.GetConformer().GetPositions(), [atom.GetSymbol() for atom in mol.GetAtoms()]


def test_a_carbonyl_points_away_from_its_carbon_and_lies_in_its_plane():
    _, pos, elements = flat("CC(=O)N")
    found = frames(pos, elements)
    bond = (pos[2] - pos[1]) / np.linalg.norm(pos[2] - pos[1])
    np.testing.assert_allclose(found.direction[2], bond, atol=1e-9)
    assert not found.direction[1].any()  # three bonds in a plane point nowhere
    for atom in (1, 2, 3):
        assert abs(found.normal[atom] @ bond) < 0.02 and abs(np.linalg.norm(found.normal[atom]) - 1) < 1e-9


def test_a_saturated_carbon_has_no_plane_and_a_metal_has_no_bonds():
    _, pos, elements = flat("CC(C)(O)C(F)(F)F")
    found = frames(pos, elements)
    assert not found.normal[[1, 4]].any() and not found.normal[5].any()
    near = np.concatenate([pos, pos[3:4] + [0, 0, 2.0]])
    metal = frames(near, [*elements, "Zn"])
    assert not metal.direction[-1].any() and not metal.normal[-1].any()
    np.testing.assert_array_equal(metal.direction[:-1], found.direction)


def test_one_atom_alone():
    assert not frames(np.zeros((1, 3)), ["O"]).direction.any()


@given(seed=st.integers(0, 2**16))
def test_they_turn_with_the_molecule_and_do_not_depend_on_the_order(seed):
    mol, pos, elements = flat("c1ccccc1C(=O)NC2CC2O")
    rng = np.random.default_rng(seed)
    turn, order = Rotation.random(random_state=seed).as_matrix(), rng.permutation(len(pos))
    plain, turned = frames(pos, elements), frames((pos @ turn.T)[order], [elements[k] for k in order])
    np.testing.assert_allclose(turned.direction, (plain.direction @ turn.T)[order], atol=1e-9)
    sides = np.abs((turned.normal * (plain.normal @ turn.T)[order]).sum(1))
    np.testing.assert_allclose(sides, plain.normal.any(1)[order].astype(float), atol=1e-2)
    np.testing.assert_allclose(ligand_directions(mol, pos[None])[0], plain.direction, atol=1e-9)
