"""RMSD by two programs, in a process that may be stopped."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from disco_dock.chem.conformers import embed
from disco_dock.chem.symmetry import symmetric_rmsd
from disco_dock.evaluation.deviation import deviation, rdkit_values, single_bonds, spyrmsd_values
from disco_dock.runtime import capped_worker as module
from disco_dock.runtime.capped_worker import CappedWorker


@pytest.fixture(scope="module")
def worker():
    with CappedWorker() as one:
        yield one


@pytest.mark.parametrize(
    "smiles", ["CC(=O)Nc1ccc(O)cc1", "OC(=O)c1ccccc1C(F)(F)F", "C[N+](C)(C)CCOP(=O)([O-])O", "CCO"]
)
def test_programs_agree_with_each_other_and_with_ours(worker, smiles):
    mol = Chem.MolFromSmiles(smiles)
    crystal = embed(mol, seed=0).pos
    poses = np.stack([embed(mol, seed=seed).pos + seed for seed in range(1, 4)])
    found = deviation(worker, mol, poses, crystal)
    assert found.exact and found.agreed
    np.testing.assert_allclose(found.rmsd, symmetric_rmsd(mol, poses, crystal), atol=1e-6)
    plain = np.sqrt(((poses - crystal) ** 2).sum(2).mean(1))
    assert (found.rmsd <= plain + 1e-9).all()


def test_a_ring_turned_over_is_the_same_pose(worker):
    mol = Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1")
    crystal = embed(mol, seed=0).pos
    turns = [list(match) for match in mol.GetSubstructMatches(mol, uniquify=False)]
    assert len(turns) > 1
    poses = np.stack([crystal[turn] for turn in turns])
    np.testing.assert_allclose(deviation(worker, mol, poses, crystal).rmsd, 0.0, atol=1e-6)


def test_poses_are_not_superposed(worker):
    mol = Chem.MolFromSmiles("CCO")
    crystal = embed(mol, seed=0).pos
    assert deviation(worker, mol, crystal[None] + [3.0, 4.0, 0.0], crystal).rmsd == pytest.approx([5.0])


def test_a_wrong_number_is_noticed(worker, monkeypatch):
    mol = single_bonds(Chem.MolFromSmiles("CCO"))
    crystal = embed(Chem.MolFromSmiles("CCO"), seed=0).pos
    calls = iter([np.array([1.0]), np.array([1.5])])
    monkeypatch.setattr(CappedWorker, "call", lambda self, *args, seconds: next(calls))
    assert deviation(worker, mol, crystal[None], crystal).agreed is False


def test_out_of_time_falls_back(monkeypatch):
    monkeypatch.setattr(module, "START_SECONDS", 0.0)
    mol = Chem.MolFromSmiles("OC(=O)c1ccccc1")
    crystal = embed(mol, seed=0).pos
    with CappedWorker() as slow:
        found = deviation(slow, mol, crystal[None] + 1.0, crystal, seconds=0.0)
    assert found.agreed is None and found.exact
    np.testing.assert_allclose(found.rmsd, symmetric_rmsd(mol, crystal[None] + 1.0, crystal))


def test_both_programs_give_one_number_per_pose():
    mol = single_bonds(Chem.MolFromSmiles("c1ccccc1C"))
    pos = embed(Chem.MolFromSmiles("c1ccccc1C"), seed=0).pos
    elements = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
    adjacency = Chem.GetAdjacencyMatrix(mol)
    poses = np.stack([pos, pos + 1.0])
    np.testing.assert_allclose(
        spyrmsd_values(elements, adjacency, poses, pos), rdkit_values(mol, poses, pos), atol=1e-6
    )
