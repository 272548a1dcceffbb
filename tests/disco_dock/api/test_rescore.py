"""Rescoring from Python, with the bundled contact score."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdMolTransforms

from disco_dock.api.rescore import rescore
from disco_dock.docking.engine import load_engine
from disco_dock.ranking import cnn_score
from disco_dock.runtime.errors import ConfigError, InputError

EXAMPLE = Path(__file__).parents[3] / "data" / "examples" / "1s3v"


def moved(mol: Chem.Mol, shift: float) -> Chem.Mol:
    mol, matrix = Chem.Mol(mol), np.eye(4)
    matrix[0, 3] = shift
    rdMolTransforms.TransformConformer(mol.GetConformer(), matrix)
    return mol


def test_the_crystal_pose_is_best():
    crystal = next(iter(Chem.SDMolSupplier(str(EXAMPLE / "ligand.sdf"))))
    result = rescore(EXAMPLE / "protein.pdb", [moved(crystal, 3.0), crystal, moved(crystal, 1.5)], check_poses=0)
    assert result.table["sample"].tolist()[0] == 1
    assert (result.table["contact_score"].diff()[1:] < 0).all()
    assert result.table["vina_score"][0] < -7 and result.table["p_rmsd_under_2"].isna().all()
    by_file = rescore(EXAMPLE / "protein.pdb", EXAMPLE / "ligand.sdf", check_poses=0)
    assert by_file.table["contact_score"][0] == result.table["contact_score"][0]


def test_poses_of_several_molecules_are_refused():
    ligands = [EXAMPLE / "ligand.sdf", EXAMPLE.parent / "1uou" / "ligand.sdf"]
    with pytest.raises(InputError, match="of 2 molecules"):
        rescore(EXAMPLE / "protein.pdb", ligands)


def test_poses_are_ranked_by_gninas_network_where_rustina_is(monkeypatch):
    """A stand-in for rustina, which prefers poses whose first atom has a large x."""

    def score_cnn(receptor, ligand):
        return {"cnn_score": 1 / (1 + np.exp(-float(ligand.splitlines()[1][30:38]) / 10))}

    monkeypatch.setitem(sys.modules, "rustina", SimpleNamespace(score_cnn=score_cnn))
    monkeypatch.setattr(cnn_score, "find_spec", lambda name: object())
    crystal = next(iter(Chem.SDMolSupplier(str(EXAMPLE / "ligand.sdf"))))
    crystal.SetProp("cnn", "0.25")
    poses = [crystal, moved(crystal, 3.0), moved(crystal, 1.5)]
    by_cnn = rescore(EXAMPLE / "protein.pdb", poses, rank_by="cnn", check_poses=0)
    assert by_cnn.table["sample"].tolist() == [1, 2, 0] and by_cnn.table["rank_cnn"].tolist() == [1, 2, 3]
    assert by_cnn.table["given_cnn"].tolist()[2] == 0.25 and by_cnn.table["cnn"].is_monotonic_decreasing
    assert any("GNINA" in note and "Apache-2.0" in note for note in by_cnn.notes)
    fused = rescore(EXAMPLE / "protein.pdb", poses, rank_by="fused", check_poses=0).table
    weight = load_engine(None, "cpu").models.config.cnn_weight
    logit = np.log(fused["cnn"] / (1 - fused["cnn"]))
    np.testing.assert_allclose(fused["fused"], fused["contact_score"] + weight * logit, atol=2e-3)
    assert fused["fused"].is_monotonic_decreasing


def test_without_rustina_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(cnn_score, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'disco-dock\[cnn\]'"):
        rescore(EXAMPLE / "protein.pdb", EXAMPLE / "ligand.sdf", rank_by="cnn")
    with pytest.raises(ConfigError, match="ranked by contacts, vina, cnn or fused, not 'confidence'"):
        rescore(EXAMPLE / "protein.pdb", EXAMPLE / "ligand.sdf", rank_by="confidence")
