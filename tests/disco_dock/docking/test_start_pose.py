"""What the diffusion starts from: a pose of the ligand, several, or that of a molecule with the same core."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from disco_dock.chem.conformers import embed
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.docking.settings import PredictSettings
from disco_dock.docking.start_pose import CORE_STARTS, read_starts
from disco_dock.physics.settings import PhysicsChoice, PhysicsSettings
from disco_dock.runtime.errors import ConfigError, InputError

SMILES = "C[C@H](O)C(=O)Nc1ccc(O)cc1"


def write_poses(path, smiles, *shifts):
    """An SDF file with an embedded pose at each place; returns the positions in the order of the SMILES."""
    mol, found = read_ligand(smiles).mol, []
    with Chem.SDWriter(str(path)) as writer:
        for shift in shifts:
            pos = embed(mol, seed=1).pos + shift
            conformer = Chem.Conformer(mol.GetNumAtoms())
            conformer.SetPositions(np.ascontiguousarray(pos))
            copy = Chem.Mol(mol)
            copy.AddConformer(conformer)
            copy.SetProp("_Name", "known")
            writer.write(copy)
            found.append(pos)
    return np.stack(found)


def test_poses_of_the_ligand_are_taken_in_its_order_of_atoms(tmp_path):
    pos = write_poses(tmp_path / "a.sdf", SMILES, 0.0, 5.0)
    ligand = read_ligand("Oc1ccc(NC(=O)[C@H](C)O)cc1")
    starts = read_starts(tmp_path / "a.sdf", ligand, seed=0)
    assert starts.pos.shape == (2, ligand.num_atoms, 3) and "2 poses in" in starts.note
    np.testing.assert_allclose(starts.pos.mean(1), pos.mean(1), atol=1e-3)
    elements = [atom.GetSymbol() for atom in ligand.mol.GetAtoms()]
    assert elements[0] == "O" and np.linalg.norm(starts.pos[0, 0] - starts.pos[0, 1]) < 1.6  # bonded as in its order
    graph = starts.in_graph(np.array([1.0, 2.0, 3.0]), 0.2)
    np.testing.assert_allclose(graph.pos.numpy(), starts.pos - [1.0, 2.0, 3.0], atol=1e-5)
    assert graph.t == 0.2


def test_another_configuration_is_refused(tmp_path):
    write_poses(tmp_path / "a.sdf", SMILES, 0.0)
    with pytest.raises(InputError, match="another stereo configuration"):
        read_starts(tmp_path / "a.sdf", read_ligand(SMILES.replace("@H", "@@H")), seed=0)


def test_conformers_are_laid_over_the_core_of_another_molecule(tmp_path):
    pos = write_poses(tmp_path / "a.sdf", "CC(=O)Nc1ccc(O)cc1", 7.0)
    starts = read_starts(tmp_path / "a.sdf", read_ligand(SMILES), seed=3)
    assert starts.pos.shape == (CORE_STARTS, 13, 3)
    assert "the pose of known" in starts.note and "shares 11 heavy atoms" in starts.note
    assert np.abs(starts.pos.mean(1) - pos[0].mean(0)).max() < 2.0
    assert np.abs(starts.pos[0] - starts.pos[2]).max() > 1e-3
    np.testing.assert_array_equal(read_starts(tmp_path / "a.sdf", read_ligand(SMILES), seed=3).pos, starts.pos)


def test_files_without_poses_are_refused(tmp_path):
    (tmp_path / "a.sdf").write_text("nonsense\n")
    with pytest.raises(InputError, match=r"a\.sdf"):
        read_starts(tmp_path / "a.sdf", read_ligand(SMILES), seed=0)
    (tmp_path / "a.smi").write_text("CC(=O)Nc1ccc(O)cc1 flat\n")
    with pytest.raises(InputError, match="no 3-D coordinates"):
        read_starts(tmp_path / "a.smi", read_ligand(SMILES), seed=0)


@pytest.mark.parametrize(("noise", "start"), [(0.0, "a.sdf"), (1.5, "a.sdf"), (float("nan"), "a.sdf"), (0.5, None)])
def test_noise_is_a_time_and_needs_a_pose(noise, start):
    with pytest.raises(ConfigError, match="start pose"):
        PredictSettings(start_pose=start, start_noise=noise)


def test_searches_from_elsewhere_are_left_out_unless_asked_for():
    base = PhysicsSettings(minimize="vina", moves=100, restarts=1, scatter=2, finalists=3, rank_by="vina")
    assert PredictSettings().physics_asked.over(base).restarts == 1
    near = PredictSettings(start_pose="a.sdf").physics_asked
    assert not near.requested
    assert (near.over(base).restarts, near.over(base).scatter, near.over(base).finalists) == (0, 0, 0)
    asked = PredictSettings(start_pose="a.sdf", physics=PhysicsChoice(minimize="vina", restarts=4))
    assert asked.physics_asked.over(base).restarts == 4
