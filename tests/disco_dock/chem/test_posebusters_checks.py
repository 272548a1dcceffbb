"""PoseBusters made faster gives the verdicts of PoseBusters."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem, rdBase

from disco_dock.chem.conformers import embed
from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.chem.posebusters_checks import REACH, Surroundings, bust
from disco_dock.chem.read_receptor import read_receptor
from disco_dock.chem.write_complex import write_receptor_pdb
from disco_dock.chem.write_sdf import pose_mol
from disco_dock.docking.runs.self_test import write_peptide

posebusters = pytest.importorskip("posebusters")
LIGANDS = ("CC(=O)Nc1ccc(O)cc1", "OC(=O)[C@@H]1CCCN1C(=O)/C=C/c1ccncc1", "CO")


@pytest.fixture(scope="module")
def receptor(tmp_path_factory):
    path = tmp_path_factory.mktemp("peptide") / "p.pdb"
    write_peptide(path)
    return read_receptor(path)


@pytest.mark.parametrize("smiles", LIGANDS)
@pytest.mark.parametrize("config", ["dock", "redock"])
def test_verdicts_are_those_of_the_whole_package(receptor, tmp_path, smiles, config):
    """On poses inside, beside and far from the receptor, whole and distorted."""
    ligand, rng = read_ligand(smiles), np.random.default_rng(0)
    start = embed(ligand.mol, seed=0).pos
    start = start - start.mean(0)
    around = receptor.atom_pos
    places = [around.mean(0), around.max(0) + 1.0, around.max(0) + 4.0, around.max(0) + 30.0]
    poses = [pose_mol(ligand, start + place) for place in places]
    for size in (0.1, 0.3, 0.6):
        poses.append(pose_mol(ligand, start + places[1] + size * rng.normal(size=start.shape)))
    crystal = poses[0] if config == "redock" else None
    write_receptor_pdb(tmp_path / "p.pdb", receptor)
    with rdBase.BlockLogs():
        whole = posebusters.PoseBusters(config=config, max_workers=0).bust(poses, crystal, str(tmp_path / "p.pdb"))
    expected = [
        {name: bool(value) for name, value in row.items() if not name.startswith("rmsd_")}
        for row in whole.to_dict("records")
    ]
    surroundings = Surroundings(receptor)
    found = bust(poses, [surroundings.near(pose.GetConformer().GetPositions()) for pose in poses], crystal)
    assert found == expected
    assert len({tuple(row.values()) for row in found}) > 2


def test_only_near_atoms_are_given(receptor):
    surroundings, points = Surroundings(receptor), receptor.atom_pos[:3]
    near = Chem.MolFromPDBBlock(surroundings.near(points), sanitize=False).GetConformer().GetPositions()
    distance = np.linalg.norm(near[:, None] - points, axis=2).min(1)
    every = np.linalg.norm(receptor.atom_pos[:, None] - points, axis=2).min(1)
    assert distance.max() <= REACH + 1e-3 and len(near) == (every <= REACH).sum()
    far = Chem.MolFromPDBBlock(surroundings.near(points + 500.0), sanitize=False)
    assert far.GetNumAtoms() == 1
