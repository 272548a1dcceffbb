"""Symmetric RMSD: by hand, against spyrmsd, invariance, the cap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from spyrmsd.rmsd import symmrmsd

from disco_dock.chem.conformers import embed
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.symmetry import automorphisms, symmetric_rmsd

MOLECULES = [
    "CC(=O)[O-]",
    "c1ccccc1C(=O)O",
    "CC(C)(C)c1ccc(S(=O)(=O)N)cc1",
    "FC(F)(F)c1cc(C(F)(F)F)ccc1",
    "COP(=O)([O-])OP(=O)([O-])[O-]",
    "NC(=[NH2+])NCCC",
    "C1CCCCC1",
    "CC",
    "CCO",
    "Cc1ccc(C)cc1",
    "ClC(Cl)(Cl)Cl",
]


def plain_rmsd(pos: np.ndarray, ref: np.ndarray) -> np.ndarray:
    return np.sqrt(((pos - ref) ** 2).sum(-1).mean(-1))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(MOLECULES), st.integers(0, 10_000), st.sampled_from([0.1, 1.0, 4.0]))
def test_agrees_with_spyrmsd(smiles, seed, scale):
    rng = np.random.default_rng(seed)
    mol = read_ligand(smiles).mol
    ref = embed(mol, seed=0).pos
    order = rng.permutation(len(ref)) if scale == 4.0 else np.arange(len(ref))
    pos = ref[order] + rng.normal(size=(3, *ref.shape)) * scale
    adjacency = Chem.GetAdjacencyMatrix(mol)
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
    expected = symmrmsd(ref, list(pos), numbers, numbers, adjacency, adjacency)
    np.testing.assert_allclose(symmetric_rmsd(mol, pos, ref), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("smiles", "swap"),
    [("CC(=O)[O-]", (2, 3)), ("FC(F)(F)C", (0, 3)), ("C[N+](=O)[O-]", (2, 3)), ("OP(=O)(O)OC", (0, 2))],
)
def test_equivalent_end_atoms_may_be_swapped(smiles, swap):
    mol = read_ligand(smiles).mol
    ref = embed(mol, seed=0).pos
    pos = ref.copy()
    pos[list(swap)] = ref[list(swap[::-1])]
    assert plain_rmsd(pos, ref) > 0.5
    assert symmetric_rmsd(mol, pos[None], ref)[0] == pytest.approx(0.0, abs=1e-9)


def test_a_flipped_phenyl_ring_is_the_same_but_other_exchanges_are_not():
    mol = read_ligand("CCc1ccccc1").mol
    ref = embed(mol, seed=0).pos
    flipped = ref[[0, 1, 2, 7, 6, 5, 4, 3]]
    wrong = ref[[0, 1, 3, 2, 4, 5, 6, 7]]
    assert symmetric_rmsd(mol, np.stack([flipped, wrong]), ref)[0] == pytest.approx(0.0, abs=1e-9)
    assert symmetric_rmsd(mol, wrong[None], ref)[0] > 0.3


def test_there_is_no_alignment():
    mol = read_ligand("CCO").mol
    ref = embed(mol, seed=0).pos
    assert symmetric_rmsd(mol, (ref + [3.0, 4.0, 0.0])[None], ref)[0] == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("smiles", "num_units", "num_maps"),
    [
        ("CC", 2, 2),
        ("CCO", 3, 1),
        ("c1ccccc1", 6, 12),
        ("CC(=O)[O-]", 3, 1),
        ("c1ccccc1C(F)(F)F", 8, 2),
        ("ClC(Cl)(Cl)Cl", 2, 1),
    ],
)
def test_hand_counted_symmetries(smiles, num_units, num_maps):
    mol = read_ligand(smiles).mol
    symmetry = automorphisms(mol)
    assert len(symmetry.units) == num_units
    assert sorted(atom for unit in symmetry.units for atom in unit) == list(range(mol.GetNumAtoms()))
    assert symmetry.maps.shape == (num_maps, num_units)
    assert symmetry.maps[0].tolist() == list(range(num_units))
    assert symmetry.complete


def test_many_phosphates_are_exact_without_listing_a_million_maps():
    inositol = "OP(=O)(O)OC1" + "C(OP(=O)(O)O)" * 4 + "C1OP(=O)(O)O"
    mol = read_ligand(inositol).mol
    symmetry = automorphisms(mol)
    assert symmetry.complete and len(symmetry.maps) == 12
    rng = np.random.default_rng(0)
    ref = embed(mol, seed=0).pos
    pos = ref.copy()
    for unit in symmetry.units:
        if len(unit) == 3:
            pos[list(unit)] = ref[rng.permutation(unit)]
    assert plain_rmsd(pos, ref) > 0.5
    assert symmetric_rmsd(mol, pos[None], ref)[0] == pytest.approx(0.0, abs=1e-9)


def test_a_reached_cap_is_flagged_and_never_worse_than_plain():
    mol = read_ligand("c1ccccc1C(c1ccccc1)(c1ccccc1)C(c1ccccc1)(c1ccccc1)c1ccccc1").mol
    full, capped = automorphisms(mol), automorphisms(mol, max_matches=10)
    assert full.complete and not capped.complete
    assert len(capped.maps) <= 11
    ref = embed(mol, seed=0).pos
    pos = ref + np.random.default_rng(0).normal(size=(4, *ref.shape))
    exact, bound = symmetric_rmsd(mol, pos, ref, symmetry=full), symmetric_rmsd(mol, pos, ref, symmetry=capped)
    assert (exact <= bound + 1e-12).all()
    assert (bound <= plain_rmsd(pos, ref) + 1e-12).all()


def test_poses_are_independent_and_bad_ones_are_nan():
    mol = read_ligand("CC(=O)[O-]").mol
    ref = embed(mol, seed=0).pos
    pos = ref + np.random.default_rng(0).normal(size=(4, *ref.shape))
    pos[2] = np.nan
    values = symmetric_rmsd(mol, pos, ref)
    assert np.isnan(values).tolist() == [False, False, True, False]
    np.testing.assert_allclose(values[3], symmetric_rmsd(mol, pos[3:], ref)[0])
    assert symmetric_rmsd(mol, pos[:0], ref).shape == (0,)
