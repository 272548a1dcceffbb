"""Rustina's poses, times and ranks: by a stand-in that returns the ligand, and by the program itself where it is."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from disco_dock.evaluation.baseline import Budget
from disco_dock.evaluation.cases import FileCases
from disco_dock.evaluation.measure import evaluate
from disco_dock.evaluation.rustina import process
from disco_dock.evaluation.rustina.method import PACKAGES, RustinaMethod
from tests.support.complexes import write_complexes

BOX = ([0.0, 0.0, 0.0], [25.0, 25.0, 25.0])


@pytest.fixture
def ligand():
    mol = Chem.AddHs(Chem.MolFromSmiles("CCO"))
    AllChem.EmbedMolecule(mol, randomSeed=1)
    return mol


@pytest.fixture
def calls(monkeypatch):
    """Calls of a stand-in for Rustina that returns two copies of the ligand, the second one shifted by the seed."""
    made = []

    def dock(receptor, ligand, *box, **options):
        made.append(options)
        copies = [ligand, "\n".join(shifted(line, 2.0 * options["seed"]) for line in ligand.splitlines())]
        return [
            {"pdbqt": text, "affinity": energy, "cnn_score": near}
            for text, energy, near in zip(copies, (-4.0, -6.0), (0.5, 0.0), strict=True)
        ]

    def shifted(line, shift):
        return f"{line[:30]}{float(line[30:38]) + shift:8.3f}{line[38:]}" if line.startswith("ATOM") else line

    monkeypatch.setitem(sys.modules, "rustina", SimpleNamespace(dock=dock))
    return made


def test_the_score_is_that_of_network_and_energy():
    poses = [{"cnn_score": near, "affinity": energy} for near, energy in ((0.5, -5.0), (0.9, -9.0), (0.1, -7.0))]
    # quartiles of the energies are -8, -7 and -6
    expected = [0 - 0.25 * 2 / 2, np.log(9) + 0.25 * 2 / 2, -np.log(9)]
    np.testing.assert_allclose(process.fused(poses), expected, atol=1e-9)


def test_defaults_are_the_programs_own(ligand, calls):
    pytest.importorskip("meeko")
    found = process.dock("receptor", ligand, *BOX, 40, 0, None)
    assert calls == [{"runs": process.RUNS, "seed": 1, "threads": 1}]
    assert len(found.poses) == 2 and found.cpu_seconds > 0


def test_what_is_left_of_the_time_is_spent_and_copies_are_merged(ligand, calls):
    pytest.importorskip("meeko")
    found = process.dock("receptor", ligand, *BOX, 40, 0, 1000.0)
    assert [one["seed"] for one in calls] == [1, 2] and calls[1]["runs"] % process.RUNS == 0
    assert calls[1]["runs"] >= process.RUNS and calls[0]["num_modes"] == calls[0]["pose_pool_size"] == 40
    assert len(found.poses) == 3  # the unshifted one came twice
    assert found.scores == sorted(found.scores, reverse=True)
    calls.clear()
    process.dock("receptor", ligand, *BOX, 1, 0, 0.0)
    assert len(calls) == 1 and calls[0]["pose_pool_size"] == 10  # the least that it does


@pytest.mark.slow
def test_rustina_docks(tmp_path):
    if any(find_spec(module) is None for module in PACKAGES):
        pytest.skip("Rustina and what prepares its input are not installed")
    write_complexes(tmp_path / "data")
    cases = FileCases(tmp_path / "data", ["made0"], seed=0)
    budget = Budget(dict.fromkeys(cases.ids, 0.0), "test")
    with RustinaMethod("pocket", num_poses=3, seed=0, budget=budget) as method:
        (row,) = evaluate([method], cases, tmp_path / "out", check_poses=0)[method.name]
        case = cases.load("made0")
        again = method.dock(case)
    assert not row.error and 1 <= len(row.rmsd) <= 3 and row.cpu_seconds > 0
    assert list(row.score) == pytest.approx(again.score.tolist(), abs=1e-3)
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in case.ligand.mol.GetBonds()]
    lengths = np.array([np.linalg.norm(again.pos[:, i] - again.pos[:, j], axis=1) for i, j in bonds])
    assert (lengths > 1.1).all() and (lengths < 1.7).all()  # atoms are in the ligand's order
