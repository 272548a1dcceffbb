"""Configurations of ligands with open centres and double bonds."""

from __future__ import annotations

import pytest
from rdkit import Chem

from disco_dock.chem.conformers import embed, has_open_stereo
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.state_limits import MAX_ISOMERS
from disco_dock.chem.stereo import held_axes, stereo_kept
from disco_dock.chem.stereo_isomers import stereo_isomers
from disco_dock.runtime.errors import ConfigError


def smiles_of(text, count):
    return [ligand.smiles for ligand in stereo_isomers(read_ligand(text), count)]


def test_all_configurations_of_a_centre_and_a_double_bond():
    ligand = read_ligand("CC(N)C=CC")
    found = stereo_isomers(ligand, 8)
    wanted = ("C/C=C/[C@H](C)N", "C/C=C/[C@@H](C)N", "C/C=C\\[C@H](C)N", "C/C=C\\[C@@H](C)N")
    assert {one.smiles for one in found} == {Chem.CanonSmiles(one) for one in wanted}
    assert [one.name for one in found] == [f"ligand_iso{number}" for number in (1, 2, 3, 4)]
    assert all(one.state_of == "ligand" and one.pos is None and not has_open_stereo(one.mol) for one in found)
    assert all("unspecified" in note for note in ligand.notes)
    assert found[1].notes == (f"configuration 2 of 4 of ligand: {found[1].smiles}",)
    assert stereo_kept(found[2].mol, embed(found[2].mol, seed=0).pos)


def test_no_more_than_asked_for_and_the_same_every_time():
    sugar = "OCC(O)C(O)C(O)C(O)C=O"
    assert len(set(smiles_of(sugar, 5))) == 5 and smiles_of(sugar, 5) == smiles_of(sugar, 5)
    assert "of more than 5 of" in stereo_isomers(read_ligand(sugar), 5)[0].notes[0]


def test_equal_ones_and_impossible_fusions_are_left_out():
    assert len(smiles_of("CC(O)C(O)C", 8)) == 3
    assert len(smiles_of("CC1CC2CCC1C2", 16)) == 4


@pytest.mark.parametrize("text", ["CCO", "C[C@H](N)C(=O)O", "CCN=[N+]=[N-]", "C1CC2CCC1C2"])
def test_a_ligand_of_one_configuration_stays_as_it_is(text):
    ligand = read_ligand(text)
    assert stereo_isomers(ligand, 8) == [ligand]


def test_given_centres_and_axes_stay():
    assert set(smiles_of("C[C@H](N)C(F)Cl", 8)) == {"C[C@H](N)[C@H](F)Cl", "C[C@H](N)[C@@H](F)Cl"}
    found = stereo_isomers(read_ligand("Cc1cccc(O)c1-c1c(C)cccc1C(F)Cl |wU:7.7|"), 8)
    assert len(found) == 2 and all(len(held_axes(one.mol)) == 1 for one in found)


@pytest.mark.parametrize("count", [0, -1, MAX_ISOMERS + 1])
def test_count_out_of_range(count):
    with pytest.raises(ConfigError, match="stereo isomers"):
        stereo_isomers(read_ligand("CCO"), count)
