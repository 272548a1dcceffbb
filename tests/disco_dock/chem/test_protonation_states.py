"""Protonation states of ligands at a pH."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from disco_dock.chem.ligand_states import ligand_states, state_reader
from disco_dock.chem.ligands.read_ligand import read_ligand, read_ligands
from disco_dock.chem.protonation_states import protonation_states
from disco_dock.chem.stereo import held_axes
from disco_dock.runtime.errors import ConfigError, InputError

pytest.importorskip("dimorphite_dl")


def smiles_of(text, ph=7.4):
    return {ligand.smiles for ligand in protonation_states(read_ligand(text), ph)}


@pytest.mark.parametrize(
    ("text", "ph", "wanted"),
    [
        ("CC(=O)O", 7.4, {"CC(=O)[O-]"}),
        ("CC(=O)[O-]", 2.0, {"CC(=O)O"}),
        ("CCN", 7.4, {"CC[NH3+]"}),
        ("NC(=N)c1ccccc1", 7.4, {"NC(=[NH2+])c1ccccc1"}),
        ("COP(=O)(O)O", 7.4, {"COP(=O)([O-])O", "COP(=O)([O-])[O-]"}),
        ("c1cnc[nH]1", 7.4, {"c1c[nH]cn1"}),
        ("CCO", 7.4, {"CCO"}),
    ],
)
def test_states_that_are_not_rare(text, ph, wanted):
    assert smiles_of(text, ph) == wanted


def test_the_only_state_keeps_the_name_and_says_so():
    ligand = read_ligand("CCN")
    (found,) = protonation_states(ligand, 7.4)
    assert (found.name, found.state_of) == (ligand.name, "")
    assert found.notes[-1] == "protonation at pH 7.4: the only state of ligand: CC[NH3+]"


def test_several_states_have_names_and_come_in_the_same_order():
    ligand = read_ligand("COP(=O)(O)O")
    found = protonation_states(ligand, 7.4)
    assert [one.name for one in found] == ["ligand_prot1", "ligand_prot2"]
    assert all(one.state_of == "ligand" for one in found)
    assert [one.smiles for one in found] == [one.smiles for one in protonation_states(ligand, 7.4)]
    assert f"state 2 of 2 of ligand: {found[1].smiles}" in found[1].notes[-1]


def test_pose_order_and_stereo_of_the_input_stay(tmp_path):
    mol = Chem.AddHs(Chem.MolFromSmiles("OC(=O)[C@@H](N)Cc1ccc(O)cc1"))
    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    bare = Chem.RemoveHs(mol)
    order = list(np.random.default_rng(0).permutation(bare.GetNumAtoms()))
    Chem.MolToMolFile(Chem.RenumberAtoms(bare, [int(index) for index in order]), str(tmp_path / "l.sdf"))
    ligand = read_ligand(str(tmp_path / "l.sdf"))
    for state in protonation_states(ligand, 7.4):
        assert [a.GetSymbol() for a in state.mol.GetAtoms()] == [a.GetSymbol() for a in ligand.mol.GetAtoms()]
        assert state.pos is not None and np.array_equal(state.pos, ligand.pos)
        assert np.array_equal(state.mol.GetConformer().GetPositions(), ligand.mol.GetConformer().GetPositions())
        assert Chem.FindMolChiralCenters(state.mol) == Chem.FindMolChiralCenters(ligand.mol)
        assert "C(=O)[O-]" in state.smiles


def test_two_centres_with_an_amine_each_are_not_confused():
    text = "N[C@H](C)CC[C@@H](C)NCC(F)(F)F"
    (found,) = [one for one in protonation_states(read_ligand(text), 7.4) if one.smiles.count("+") == 1][:1]
    assert Chem.CanonSmiles(found.smiles) == found.smiles
    bare = Chem.MolFromSmiles(found.smiles.replace("[NH3+]", "N").replace("[NH2+]", "N"))
    assert Chem.MolToSmiles(bare) == Chem.CanonSmiles(text)


def test_an_axis_stays():
    found = protonation_states(read_ligand("Cc1cccc(N)c1-c1c(C)cccc1CC(=O)O |wU:7.7|"), 7.4)
    assert all(len(held_axes(one.mol)) == 1 for one in found)


def test_configurations_of_each_state():
    found = ligand_states(read_ligand("NCC(=O)OC(F)Cl"), protonate=7.4, isomers=4)
    assert [one.name for one in found] == [f"ligand_prot{state}_iso{number}" for state in (1, 2) for number in (1, 2)]
    assert len({one.smiles for one in found}) == 4
    assert {one.state_of for one in found} == {"ligand"}


def test_a_reader_of_states():
    read = state_reader(read_ligands, protonate=7.4)
    assert [one.smiles for one in read("CCN")] == ["CC[NH3+]"]
    assert state_reader(read_ligands) is read_ligands


@pytest.mark.parametrize("ph", [-1.0, 15.0, float("nan")])
def test_a_ph_out_of_range(ph):
    with pytest.raises(ConfigError, match="pH"):
        protonation_states(read_ligand("CCO"), ph)


def test_without_the_package_it_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "dimorphite_dl", None)
    with pytest.raises(InputError, match=r"pip install 'disco-dock\[protonate\]'"):
        protonation_states(read_ligand("CCO"), 7.4)
