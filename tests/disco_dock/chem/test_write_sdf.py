"""Writing poses: what is read back is what was written, and a failure leaves nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from disco_dock.chem.conformers import embed
from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligands.read_ligand import read_ligand, read_ligands
from disco_dock.chem.stereo import stereo_signature
from disco_dock.chem.write_sdf import PoseRecord, pose_mol, sdf_text, write_sdf

MOLECULES = [
    "C[C@H]([NH3+])C(=O)[O-]",
    "C/C=C\\C[C@@H](F)Cl",
    "C[S@](=O)c1ccccc1",
    "OC[C@H]1O[C@@H](n2cnc3c(N)ncnc32)[C@H](O)[C@@H]1OP(=O)([O-])[O-]",
    "C[N+](C)(C)CCO",
    "C[CH]C",
    "[13CH3]c1c[nH]cn1",
]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(MOLECULES), st.integers(0, 1000))
def test_round_trip_keeps_order_charges_stereo_and_coordinates(tmp_path_factory, smiles, seed):
    rng = np.random.default_rng(seed)
    mol = Chem.MolFromSmiles(smiles)
    order = rng.permutation(mol.GetNumAtoms()).tolist()
    path = tmp_path_factory.mktemp("poses")
    shuffled = Chem.MolToSmiles(Chem.RenumberAtoms(mol, order), canonical=False)
    ligand = read_ligand(shuffled)
    pos = [embed(ligand.mol, seed=k).pos + rng.normal(size=3) * 30 for k in (0, 1)]
    write_sdf(
        path / "poses.sdf", ligand, [PoseRecord(pos=each, tags={"rank": str(k + 1)}) for k, each in enumerate(pos)]
    )
    found = list(read_ligands(path / "poses.sdf"))
    assert len(found) == 2
    for back, expected in zip(found, pos, strict=True):
        assert isinstance(back, Ligand) and back.pos is not None
        np.testing.assert_allclose(back.pos, expected, atol=1e-4)
        assert stereo_signature(back.mol) == stereo_signature(ligand.mol)
        assert back.smiles == ligand.smiles
        for one, other in zip(back.mol.GetAtoms(), ligand.mol.GetAtoms(), strict=True):
            assert one.GetAtomicNum() == other.GetAtomicNum()
            assert one.GetFormalCharge() == other.GetFormalCharge()
            assert one.GetTotalNumHs() == other.GetTotalNumHs()
            assert one.GetIsotope() == other.GetIsotope()


def test_hydrogens_are_restored_at_bond_length():
    ligand = read_ligand("C[C@H]([NH3+])C(=O)[O-]")
    mol = pose_mol(ligand, embed(ligand.mol, seed=0).pos)
    hydrogens = [atom for atom in mol.GetAtoms() if atom.GetAtomicNum() == 1]
    assert [atom.GetIdx() for atom in hydrogens] == list(range(6, 13))
    pos = mol.GetConformer().GetPositions()
    lengths = [np.linalg.norm(pos[atom.GetIdx()] - pos[atom.GetNeighbors()[0].GetIdx()]) for atom in hydrogens]
    assert 0.9 < min(lengths) and max(lengths) < 1.2


def test_tags_and_title_are_written_in_order(tmp_path):
    ligand = read_ligand("CCO two words")
    pos = embed(ligand.mol, seed=0).pos
    write_sdf(tmp_path / "a.sdf", ligand, [PoseRecord(pos=pos, tags={"rank": "1", "confidence": "0.5", "a": "x\ny"})])
    mol = next(Chem.SDMolSupplier(str(tmp_path / "a.sdf")))
    assert mol.GetProp("_Name") == "two words"
    assert list(mol.GetPropsAsDict()) == ["rank", "confidence", "a"]
    assert mol.GetProp("a") == "x\ny"


def test_poses_do_not_inherit_tags():
    ligand = read_ligand("CCO")
    pos = embed(ligand.mol, seed=0).pos
    text = sdf_text(ligand, [PoseRecord(pos=pos, tags={"a": "1"}), PoseRecord(pos=pos, tags={"b": "2"})])
    first, second = text.split("$$$$\n")[:2]
    assert "<a>" in first and "<b>" not in first
    assert "<b>" in second and "<a>" not in second


def test_coordinates_too_large_for_v2000_are_written_as_v3000(tmp_path):
    ligand = read_ligand("C[C@H](N)O")
    pos = embed(ligand.mol, seed=0).pos
    assert "V2000" in sdf_text(ligand, [PoseRecord(pos=pos)])
    far = pos + [0.0, -123456.0, 0.0]
    write_sdf(tmp_path / "far.sdf", ligand, [PoseRecord(pos=far)])
    assert "V3000" in (tmp_path / "far.sdf").read_text()
    back = read_ligand(tmp_path / "far.sdf")
    assert back.pos is not None
    np.testing.assert_allclose(back.pos, far, atol=0.01)
    assert back.smiles == ligand.smiles


@pytest.mark.parametrize(
    "tags", [{"": "x"}, {"a>b": "x"}, {"a": "x\n\ny"}, {"a": "x\n> <b>\n"}, {"a": "$$$$"}, {"a\n": "x"}]
)
def test_tags_that_would_break_the_file_are_refused_and_nothing_is_written(tmp_path, tags):
    ligand = read_ligand("CCO")
    record = PoseRecord(pos=embed(ligand.mol, seed=0).pos, tags=tags)
    with pytest.raises(ValueError, match="SD tag"):
        write_sdf(tmp_path / "a.sdf", ligand, [record])
    assert list(tmp_path.iterdir()) == []


def test_poses_of_a_wrong_shape_or_not_finite_are_refused():
    ligand = read_ligand("CCO")
    with pytest.raises(ValueError, match="shape"):
        pose_mol(ligand, np.zeros((4, 3)))
    with pytest.raises(ValueError, match="finite"):
        pose_mol(ligand, np.full((3, 3), np.nan))


def test_an_existing_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a.sdf"
    path.write_text("old")
    ligand = read_ligand("CCO")
    write_sdf(path, ligand, [PoseRecord(pos=embed(ligand.mol, seed=0).pos)])
    assert path.read_text().endswith("$$$$\n") and "old" not in path.read_text()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.sdf"]
