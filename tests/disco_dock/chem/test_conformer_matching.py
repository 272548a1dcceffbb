"""Conformer matching: exact where it can be, never worse than copying dihedrals, on a par with a global search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from scipy.optimize import differential_evolution
from scipy.spatial.transform import Rotation

from disco_dock.chem.conformer_matching import apply_torsions, match_to, superpose
from disco_dock.chem.conformers import embed
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.stereo import stereo_kept
from disco_dock.chem.torsions import rotatable_bonds
from tests.support.golden import load_golden

FLEXIBLE = "CC(C)C[C@H](NC(=O)Cc1ccccc1)C(=O)OCC"


def rmsd(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.sqrt(((first - second) ** 2).sum(-1).mean()))


def lengths_and_angles(mol: Chem.Mol, pos: np.ndarray) -> np.ndarray:
    """All distances over one and two bonds."""
    near = Chem.GetDistanceMatrix(mol)
    first, second = np.nonzero((near > 0) & (near <= 2))
    return np.linalg.norm(pos[first] - pos[second], axis=1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_recovers_a_pose_that_torsions_and_a_rigid_motion_made(seed):
    rng = np.random.default_rng(seed)
    mol = read_ligand(FLEXIBLE).mol
    torsions = rotatable_bonds(mol)
    start = embed(mol, seed=0).pos
    angles = rng.uniform(-np.pi, np.pi, size=(1, len(torsions.bonds)))
    target = apply_torsions(start[None], torsions, angles)[0]
    target = target @ Rotation.random(rng=seed).as_matrix().T + rng.normal(size=3) * 20
    matched, residual = match_to(mol, start, target, torsions)
    assert residual < 1e-3
    np.testing.assert_allclose(matched, target, atol=0.01)


def test_bond_lengths_and_angles_stay_and_the_reported_rmsd_is_true():
    mol = read_ligand(FLEXIBLE).mol
    torsions = rotatable_bonds(mol)
    start, target = embed(mol, seed=0).pos, embed(mol, seed=1).pos + 5.0
    matched, residual = match_to(mol, start, target, torsions)
    np.testing.assert_allclose(lengths_and_angles(mol, matched), lengths_and_angles(mol, start), atol=1e-9)
    assert residual == pytest.approx(rmsd(matched, target))
    assert residual < rmsd(superpose(start[None], target)[0], target)
    assert residual < 0.6
    again, _ = match_to(mol, start, target, torsions)
    np.testing.assert_array_equal(matched, again)


def test_is_as_good_as_a_global_search():
    mol = read_ligand("CC(C)C[C@H](N)C(=O)NCc1ccccc1").mol
    torsions = rotatable_bonds(mol)
    start, target = embed(mol, seed=0).pos, embed(mol, seed=3).pos

    def objective(angles: np.ndarray) -> float:
        return rmsd(superpose(apply_torsions(start[None], torsions, angles[None]), target)[0], target)

    bounds = [(-np.pi, np.pi)] * len(torsions.bonds)
    found = differential_evolution(objective, bounds, maxiter=8, popsize=8, rng=0)
    assert match_to(mol, start, target, torsions)[1] < found.fun + 0.02


def test_a_double_bond_is_not_turned_over():
    mol = read_ligand("CCC/C=C\\CC(=O)O").mol
    torsions = rotatable_bonds(mol)
    other = read_ligand("CCC/C=C/CC(=O)O").mol  # the pose of the other isomer pulls the bond over
    for seed in range(5):
        target = embed(other, seed=seed + 10).pos
        assert stereo_kept(mol, match_to(mol, embed(mol, seed=seed).pos, target, torsions)[0])


def test_without_torsions_it_is_a_superposition():
    mol = read_ligand("c1ccncc1").mol
    start = embed(mol, seed=0).pos
    target = start @ Rotation.from_rotvec([0.3, 1.0, -2.0]).as_matrix().T + [1.0, 2.0, 3.0]
    matched, residual = match_to(mol, start, target, rotatable_bonds(mol))
    np.testing.assert_allclose(matched, target, atol=1e-9)
    assert residual < 1e-9


@pytest.mark.parametrize("smiles", ["CC", "CCC", "N#N", "CCCC", "CC#CC#CC"])
def test_few_and_collinear_atoms(smiles):
    mol = read_ligand(smiles).mol
    matched, residual = match_to(mol, embed(mol, seed=0).pos, embed(mol, seed=1).pos, rotatable_bonds(mol))
    assert np.isfinite(matched).all()
    assert residual < 0.2


def test_superposition_never_reflects():
    rng = np.random.default_rng(0)
    pos = rng.normal(size=(3, 8, 3))
    for moved in superpose(pos, pos[0] * [1.0, 1.0, -1.0]):
        assert np.isfinite(moved).all()
    assert rmsd(superpose(pos[:1], pos[0] * [1.0, 1.0, -1.0])[0], pos[0] * [1.0, 1.0, -1.0]) > 0.1


def test_golden_conformers_match_at_least_as_well_as_published(golden_dir):
    for name in ("6moa", "6w70", "1a0q"):
        golden = load_golden(f"graph_{name}.npz")
        mol = read_ligand(golden_dir / "inputs" / f"{name}_ligand.sdf").mol
        mol.RemoveAllConformers()  # the published code turns the axis of 6moa, which a pose would hold
        conformer, crystal = golden["lig_orig_rdkit_pos"], golden["lig_orig_pos"]
        _, residual = match_to(mol, conformer.astype(float), crystal.astype(float), rotatable_bonds(mol))
        assert residual < float(golden["rmsd_matching"]) + 0.02, name
