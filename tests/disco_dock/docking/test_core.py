"""Docking on a core: it is found, held, verified and reported, and refused where it is too small."""

from __future__ import annotations

import numpy as np
import pytest

from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.docking.core import core_notes, read_core
from disco_dock.docking.predict import predict_complex
from disco_dock.docking.receptors import ReceptorStore
from disco_dock.docking.settings import PredictSettings
from disco_dock.physics.settings import PhysicsChoice
from disco_dock.runtime.errors import ConfigError, InputError
from disco_dock.runtime.notes import Caution
from tests.disco_dock.docking.fake_engine import fake_engine
from tests.disco_dock.docking.test_start_pose import write_poses
from tests.disco_dock.physics.examples import FOLDER

KNOWN, LIGAND = "CC(=O)Nc1ccc(O)cc1", "CCCC(=O)Nc1ccc(O)cc1"


def test_the_common_substructure_and_its_place_are_found(tmp_path):
    pos = write_poses(tmp_path / "a.sdf", KNOWN, 7.0)
    ligand = read_ligand(LIGAND)
    hold, starts = read_core(tmp_path / "a.sdf", ligand, tolerance=0.8, seed=0)
    assert hold.ways.shape[1] == len(hold.pos) == 11 and hold.tolerance == 0.8
    assert "11 heavy atoms are held within 0.8 Angstrom of the pose of known" in hold.note
    assert np.abs(hold.pos.mean(0) - pos[0].mean(0)).max() < 0.2
    assert (hold.rmsd(starts.pos) < 1.0).all()
    elements = [ligand.mol.GetAtomWithIdx(int(atom)).GetSymbol() for atom in hold.ways[0]]
    assert sorted(elements) == sorted(atom.GetSymbol() for atom in read_ligand(KNOWN).mol.GetAtoms())


def test_a_core_that_is_too_small_is_one_sentence(tmp_path):
    write_poses(tmp_path / "a.sdf", KNOWN, 7.0)
    with pytest.raises(InputError, match="the reference of the core is of another molecule"):
        read_core(tmp_path / "a.sdf", read_ligand("C1CCCCC1CCCCN"), tolerance=1.0, seed=0)


def test_poses_that_have_left_their_core_are_a_warning(tmp_path):
    write_poses(tmp_path / "a.sdf", KNOWN, 7.0)
    hold, _ = read_core(tmp_path / "a.sdf", read_ligand(LIGAND), tolerance=1.0, seed=0)
    assert core_notes(None, None) == [] and core_notes(hold, np.array([0.2, 0.9])) == [hold.note]
    warning = core_notes(hold, np.array([0.2, 1.9]))[1]
    assert isinstance(warning, Caution) and "1 of 2 poses" in warning


def test_docked_poses_keep_the_core_of_a_crystal_pose(tmp_path):
    protein, known = FOLDER / "1uou" / "protein.pdb", FOLDER / "1uou" / "ligand.sdf"
    ligand = read_ligand(smiles_of(known).replace("Cl", "Br"))
    settings = PredictSettings(
        num_poses=3, steps=2, core=known, check_poses=0, physics=PhysicsChoice(minimize="vina", moves=3)
    )
    store = ReceptorStore(settings, 0, [protein])
    found = predict_complex(fake_engine(), settings, store, protein, ligand, name="c")
    crystal = read_ligand(str(known))
    for pose, row in zip(found.ranked, found.table, strict=True):
        assert pose.core_rmsd is not None and pose.core_rmsd <= 1.0 and row["core_rmsd"] == round(pose.core_rmsd, 3)
        assert np.linalg.norm(pose.pos.mean(0) - crystal.pos.mean(0)) < 2.0
    assert any("heavy atoms are held" in note for note in found.notes)
    again = predict_complex(fake_engine(), settings, store, protein, ligand, name="c")
    assert all(np.array_equal(a.pos, b.pos) for a, b in zip(found.ranked, again.ranked, strict=True))


def smiles_of(path):
    return read_ligand(str(path)).smiles


@pytest.mark.parametrize("wrong", [{"core_tolerance": 0.0}, {"core": "a.sdf", "start_pose": "b.sdf"}])
def test_settings_that_go_against_each_other(wrong):
    with pytest.raises(ConfigError):
        PredictSettings(**wrong)
