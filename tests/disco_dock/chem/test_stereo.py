"""Stereo from coordinates: against RDKit's own perception, mirrors, turned double bonds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import AllChem
from scipy.spatial.transform import Rotation

from disco_dock.chem.conformer_matching import apply_torsions
from disco_dock.chem.conformers import embed
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.stereo import (
    atropisomer_axes,
    held_axes,
    signature_from_pose,
    stereo_kept,
    stereo_kept_each,
    stereo_signature,
    without_pose,
)
from disco_dock.chem.torsions import rotatable_bonds
from disco_dock.physics.vina_ligand import vina_ligand

CHIRAL = [
    "C[C@H](N)C(=O)O",
    "C[C@@](F)(Cl)Br",
    "F[C@](Br)(C)CC",
    "C[S@](=O)c1ccccc1",
    "C[P@](=O)(OC)c1ccccc1",
    "O[C@H]1[C@H](O)[C@@H](O)[C@H](CO)O[C@@H]1OC",
    "C[C@@H]1CC[C@H](C(C)C)[C@@H](O)C1",
]
DOUBLE = ["C/C=C/C", "C/C=C\\C", "C/C(F)=C(/Cl)CC", "O/N=C(/C)CC"]


def test_signatures_by_hand():
    assert stereo_signature(read_ligand("C[C@H](N)C(=O)O").mol).centres == ((1, "S"),)
    assert stereo_signature(read_ligand("C[C@@H](N)C(=O)O").mol).centres == ((1, "R"),)
    assert stereo_signature(read_ligand("C/C=C/C").mol).bonds == ((1, 2, "E"),)
    assert stereo_signature(read_ligand("C/C=C\\C").mol).bonds == ((1, 2, "Z"),)
    assert stereo_signature(read_ligand("CC(N)C=CC").mol) == ((), ())


@pytest.mark.parametrize("smiles", CHIRAL + DOUBLE)
def test_embedded_molecules_keep_their_stereo_and_rdkit_agrees(smiles):
    mol = read_ligand(smiles).mol
    for seed in range(3):
        pos = embed(mol, seed=seed).pos
        assert stereo_kept(mol, pos)
        assert signature_from_pose(mol, pos) == stereo_signature(mol)


@pytest.mark.parametrize("smiles", CHIRAL)
def test_a_mirror_image_does_not(smiles):
    mol = read_ligand(smiles).mol
    mirrored = embed(mol, seed=0).pos * [1.0, 1.0, -1.0]
    assert not stereo_kept(mol, mirrored)
    assert signature_from_pose(mol, mirrored) != stereo_signature(mol)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(CHIRAL), st.integers(0, 10_000))
def test_agrees_with_rdkit_for_any_atom_order_and_either_enantiomer(smiles, seed):
    rng = np.random.default_rng(seed)
    mol = Chem.MolFromSmiles(smiles)
    mol = Chem.RenumberAtoms(mol, rng.permutation(mol.GetNumAtoms()).tolist())
    pos = embed(mol, seed=0).pos * [1.0, 1.0, rng.choice([-1.0, 1.0])]
    assert stereo_kept(mol, pos) == (signature_from_pose(mol, pos) == stereo_signature(mol))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_torsions_and_rigid_motion_cannot_invert_a_centre(seed):
    rng = np.random.default_rng(seed)
    mol = read_ligand("CC(C)C[C@H](NC(=O)[C@@H](C)O)C(=O)OCC").mol
    torsions = rotatable_bonds(mol)
    start = np.repeat(embed(mol, seed=0).pos[None], 4, axis=0)
    pos = apply_torsions(start, torsions, rng.uniform(-np.pi, np.pi, size=(4, len(torsions.bonds))))
    pos = pos @ Rotation.random(rng=seed).as_matrix().T + 7.0
    assert stereo_kept_each(mol, pos).all()


def test_a_turned_double_bond_is_noticed_pose_by_pose():
    mol = read_ligand("CC/C=C/CC").mol
    torsions = rotatable_bonds(mol, double_bonds=True)
    bond = [sorted(pair) for pair in torsions.bonds.tolist()].index([2, 3])
    angles = np.zeros((4, len(torsions.bonds)))
    angles[:, bond] = [0.0, np.pi, np.pi / 2, 0.3]
    pos = apply_torsions(np.repeat(embed(mol, seed=0).pos[None], 4, axis=0), torsions, angles)
    assert stereo_kept_each(mol, pos).tolist() == [True, False, False, True]


def test_flat_centres_and_poses_that_are_not_finite_are_not_kept():
    mol = read_ligand("C[C@H](N)C(=O)O").mol
    pos = embed(mol, seed=0).pos
    assert not stereo_kept(mol, pos * [1.0, 1.0, 0.0])
    assert not stereo_kept(mol, np.full_like(pos, np.nan))
    assert not stereo_kept(mol, np.zeros_like(pos))


def test_unspecified_stereo_is_always_kept():
    mol = read_ligand("CC(N)C=CC").mol
    pos = embed(mol, seed=0).pos
    assert stereo_kept(mol, pos) and stereo_kept(mol, pos * [1.0, 1.0, -1.0])


@pytest.mark.parametrize(
    ("smiles", "axes"),
    [
        ("Cc1cccc(C(=O)O)c1-c1c(O)cccc1Cl", 1),
        ("c1ccc2c(c1)ccc(O)c2-c1c(O)ccc2ccccc12", 1),
        ("c1ccccc1-c1ccccc1", 0),
        ("Cc1ccccc1-c1ccccc1C(=O)O", 0),
        ("Fc1cccc(F)c1-c1c(F)cccc1Cl", 0),
        ("Cc1cccc(C)c1-c1c(O)cccc1Cl", 0),
    ],
)
def test_atropisomers_are_told_apart(smiles, axes):
    """Of a crowded biaryl the mirror image is another molecule; small or equal neighbours make none."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(mol, randomSeed=2)
    mol = Chem.RemoveHs(mol)
    pos = mol.GetConformer().GetPositions()
    assert len(atropisomer_axes(mol)) == axes
    assert stereo_kept(mol, pos) and stereo_kept(mol, pos * [1, 1, -1]) is (axes == 0)
    for seed in range(4):
        assert stereo_kept(mol, embed(mol, seed=seed).pos)


SOTORASIB = "C=CC(=O)N1CCN(c2nc(=O)n(-c3c(C)ccnc3C(C)C)c3nc(-c4c(O)cccc4F)c(F)cc23)[C@@H](C)C1"
CROWDED = "Cc1cccc(C(=O)OCC)c1-c1c(O)cccc1Cl"


def embedded(smiles, seed):
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(mol, randomSeed=seed)
    return Chem.RemoveHs(mol)


def twisted(mol, start, torsions):
    angles = np.random.default_rng(0).uniform(-np.pi, np.pi, size=(32, len(torsions.bonds)))
    return apply_torsions(np.repeat(start[None], 32, axis=0), torsions, angles)


def test_the_axis_of_an_input_pose_is_no_torsion_of_graph_sampling_and_search():
    mol = embedded(CROWDED, 2)
    (axis,) = held_axes(mol)
    blank = Chem.Mol(mol)
    blank.RemoveAllConformers()
    bonds = rotatable_bonds(blank).bonds.tolist()
    assert rotatable_bonds(mol).bonds.tolist() == [bond for bond in bonds if set(bond) != axis]
    assert len(rotatable_bonds(mol).bonds) == len(bonds) - 1
    assert len(vina_ligand(mol).bonds) == len(vina_ligand(blank).bonds) - 1
    assert vina_ligand(mol).rotors == vina_ligand(blank).rotors
    start = embed(mol, seed=5).pos
    assert stereo_kept_each(mol, twisted(mol, start, rotatable_bonds(mol))).all()
    assert not stereo_kept_each(mol, twisted(mol, start, rotatable_bonds(mol, double_bonds=True))).all()


@pytest.mark.parametrize("smiles", ["Cc1ccccc1-c1ccccc1C(=O)O", "CCOC(=O)c1ccccc1", "CC(C)C[C@H](N)C(=O)O"])
def test_a_ligand_without_such_an_axis_has_the_same_torsions_with_a_pose(smiles):
    mol = embedded(smiles, 1)
    blank = Chem.Mol(mol)
    blank.RemoveAllConformers()
    for with_pose, without in zip(rotatable_bonds(mol), rotatable_bonds(blank), strict=True):
        np.testing.assert_array_equal(with_pose, without)


def test_the_wedge_of_a_cxsmiles_sets_the_axis():
    plain = read_ligand(SOTORASIB).mol
    up, down = (read_ligand(f"{SOTORASIB} |{wedge}:12.23|").mol for wedge in ("wU", "wD"))
    assert held_axes(plain) == frozenset()
    assert held_axes(up) == held_axes(down) == {frozenset((12, 13))}
    assert len(rotatable_bonds(up).bonds) == len(rotatable_bonds(plain).bonds) - 1
    start = embed(up, seed=0).pos
    assert stereo_kept(up, start) and not stereo_kept(down, start) and stereo_kept(plain, start)
    assert stereo_kept(down, embed(down, seed=0).pos)
    assert stereo_kept_each(up, twisted(up, start, rotatable_bonds(up))).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([CROWDED, SOTORASIB]))
def test_rdkit_and_the_pose_agree_on_the_axis_in_any_order_of_atoms(seed, smiles):
    rng = np.random.default_rng(seed)
    mol = embedded(smiles, seed % 4)
    mol = Chem.RenumberAtoms(mol, rng.permutation(mol.GetNumAtoms()).tolist())
    Chem.AssignStereochemistryFrom3D(mol, replaceExistingTags=True)
    pos = mol.GetConformer().GetPositions()
    tagged = Chem.Mol(mol)
    tagged.RemoveAllConformers()
    assert stereo_kept(tagged, pos) and stereo_kept(without_pose(mol), pos)
    assert held_axes(without_pose(mol)) == held_axes(mol) and len(held_axes(mol)) == 1
    assert stereo_kept(mol, embed(without_pose(mol), seed=seed).pos)


@pytest.mark.parametrize("wedge", ["wU", "wD"])
def test_the_wedge_of_a_drawing_sets_the_axis_as_that_of_a_cxsmiles_does(wedge, tmp_path):
    text = f"{SOTORASIB} |{wedge}:12.23|"
    mol = Chem.MolFromSmiles(text)
    AllChem.Compute2DCoords(mol)
    (tmp_path / "drawn.mol").write_text(Chem.MolToMolBlock(mol))
    drawn = read_ligand(tmp_path / "drawn.mol")
    assert drawn.pos is None and held_axes(drawn.mol) == {frozenset((12, 13))}
    assert stereo_kept(drawn.mol, embed(read_ligand(text).mol, seed=0).pos)
