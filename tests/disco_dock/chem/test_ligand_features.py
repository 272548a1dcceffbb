"""Atom and bond features: hand-counted molecules, vocabularies, independence of notation, golden vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdBase, rdDistGeom

from disco_dock.chem.ligand_features import ATOM_FEATURE_NAMES, ATOM_FEATURE_SIZES, atom_features, bond_edges
from disco_dock.chem.ligands.prepare_ligand import canonical_hydrogen_counts
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.runtime.errors import InputError
from tests.support.golden import load_golden

CHIRALITY = ATOM_FEATURE_NAMES.index("chirality")


def test_alanine_zwitterion_by_hand():
    rows = atom_features(read_ligand("C[C@H]([NH3+])C(=O)[O-]").mol)
    #      Z-1 chi deg chg impl H  rad hyb arom rings 3..8
    assert rows[0].tolist() == [5, 0, 4, 5, 3, 3, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]
    assert rows[1].tolist() == [5, 2, 4, 5, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]
    assert rows[2].tolist() == [6, 0, 4, 6, 3, 3, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]
    assert rows[3].tolist() == [5, 0, 3, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert rows[4].tolist() == [7, 0, 1, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert rows[5].tolist() == [7, 0, 1, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]


def test_rings_aromaticity_and_radicals_by_hand():
    indole = atom_features(read_ligand("c1ccc2[nH]ccc2c1").mol)
    assert indole[:, 8].tolist() == [1] * 9
    assert indole[:, 9].tolist() == [1, 1, 1, 2, 1, 1, 1, 2, 1]
    assert indole[3, 10:].tolist() == [0, 0, 1, 1, 0, 0]
    assert indole[4].tolist() == [6, 0, 3, 5, 0, 1, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0]
    assert atom_features(read_ligand("C[CH]C").mol)[1, 6] == 1
    assert atom_features(read_ligand("C1CC1C1CCC1C").mol)[:, 10:12].tolist() == [[1, 0]] * 3 + [[0, 1]] * 4 + [[0, 0]]


@pytest.mark.parametrize("smiles", ["FS(F)(F)(F)(F)C", "C[N+](C)(C)C", "O=P([O-])([O-])OC", "CC#N", "C[Si](C)(C)[Se]B"])
def test_every_value_lies_in_its_vocabulary(smiles):
    rows = atom_features(read_ligand(smiles).mol)
    assert rows.dtype == np.int64
    assert (rows >= 0).all()
    assert (rows < np.array(ATOM_FEATURE_SIZES)).all()


def test_values_outside_a_vocabulary_become_misc():
    odd = Chem.MolFromSmiles("[Lv-7]", sanitize=False)
    odd.UpdatePropertyCache(strict=False)
    Chem.FastFindRings(odd)
    row = atom_features(odd)[0]
    assert row[0] == 115
    assert row[3] == 11


@pytest.mark.parametrize(
    "variants",
    [
        ("CCO", "[CH3][CH2][OH]", "[H]OC([H])([H])C"),
        ("C[NH2+]C", "[CH3][NH2+][CH3]"),
        ("c1cc[nH]c1", "[cH]1[cH][cH][nH][cH]1"),
        ("C[C@H](F)O", "C[C@]([H])(F)O"),
    ],
)
def test_features_do_not_depend_on_notation(variants):
    counts = [np.sort(atom_features(read_ligand(smiles).mol), axis=0).tolist() for smiles in variants]
    assert all(count == counts[0] for count in counts)


@pytest.mark.parametrize("smiles", ["C[C@H]([NH3+])c1c[nH]cn1", "C[S@](=O)CC(=O)[O-]", "CC(=O)Nc1ccc(O)cc1"])
def test_features_are_the_same_from_smiles_and_from_structures_with_or_without_hydrogens(tmp_path, smiles):
    full = Chem.AddHs(Chem.MolFromSmiles(smiles))
    rdDistGeom.EmbedMolecule(full, randomSeed=1)
    (tmp_path / "full.mol").write_text(Chem.MolToMolBlock(full))
    (tmp_path / "heavy.mol").write_text(Chem.MolToMolBlock(Chem.RemoveHs(full)))
    expected = atom_features(read_ligand(smiles).mol)
    for name in ("full.mol", "heavy.mol"):
        np.testing.assert_array_equal(atom_features(read_ligand(tmp_path / name).mol), expected)


def test_bonds_by_hand():
    index, kind = bond_edges(read_ligand("C=CC#N").mol)
    assert index.tolist() == [[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]]
    assert kind.tolist() == [1, 1, 0, 0, 2, 2]
    assert set(bond_edges(read_ligand("c1ccccc1").mol)[1].tolist()) == {3}


def test_other_bond_types_are_refused():
    with pytest.raises(InputError, match=r"atoms 2 and 3 has type DATIVE"):
        bond_edges(Chem.MolFromSmiles("CN->[Fe]", sanitize=False))


def reference_mol(path: Path) -> Chem.Mol:
    """The molecule as the published code builds it: read unsanitised, so tags of CH2 and CH3 are not cleaned."""
    with rdBase.BlockLogs():
        mol = Chem.MolFromMolFile(str(path), sanitize=False, removeHs=False)
        Chem.SanitizeMol(mol)
        return Chem.RemoveHs(Chem.RemoveHs(mol) if mol.GetNumAtoms() > mol.GetNumHeavyAtoms() else Chem.AddHs(mol))


@pytest.mark.parametrize("name", ["6moa", "6w70", "1a0q"])
def test_golden_features_and_bonds(golden_dir, name):
    golden = load_golden(f"graph_{name}.npz")
    mol = reference_mol(golden_dir / "inputs" / f"{name}_ligand.sdf")
    np.testing.assert_array_equal(atom_features(mol), golden["lig_x"])
    index, kind = bond_edges(mol)
    np.testing.assert_array_equal(index, golden["lig_bond_index"])
    np.testing.assert_array_equal(np.eye(4)[kind], golden["lig_bond_attr"])


@pytest.mark.parametrize("name", ["6moa", "6w70", "1a0q"])
def test_read_ligand_differs_from_golden_only_where_the_published_code_tags_atoms_that_are_no_stereocentres(
    golden_dir, name
):
    golden = load_golden(f"graph_{name}.npz")
    ligand = read_ligand(golden_dir / "inputs" / f"{name}_ligand.sdf")
    rows = atom_features(ligand.mol)
    centres = [index for index, _ in Chem.FindMolChiralCenters(ligand.mol, useLegacyImplementation=False)]
    spurious = (golden["lig_x"][:, CHIRALITY] != 0) & ~np.isin(np.arange(len(rows)), centres)
    np.testing.assert_array_equal(rows[spurious][:, CHIRALITY], 0)
    np.testing.assert_array_equal(rows[~spurious], golden["lig_x"][~spurious])
    assert ligand.pos is not None
    np.testing.assert_allclose(ligand.pos, golden["lig_orig_pos"], atol=1e-4)


def test_hydrogen_totals_survive_the_rewriting():
    mol = Chem.MolFromSmiles("[CH3][C@H]([NH3+])c1c[nH]cn1")
    before = [atom.GetTotalNumHs() for atom in mol.GetAtoms()]
    canonical_hydrogen_counts(mol)
    assert [atom.GetTotalNumHs() for atom in mol.GetAtoms()] == before
    assert Chem.MolToSmiles(mol) == Chem.CanonSmiles("[CH3][C@H]([NH3+])c1c[nH]cn1")
