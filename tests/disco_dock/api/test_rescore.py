"""Rescoring from Python, with the bundled contact score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdMolTransforms

from disco_dock.api.rescore import rescore
from disco_dock.runtime.errors import InputError

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
