"""Complexes docked once, with what a judge needs; a stopped run goes on, other settings begin anew."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from disco_dock.chem.symmetry import symmetric_rmsd
from disco_dock.evaluation.cases import FileCases
from disco_dock.evaluation.fit.pose_rows import PoseRow, dock_rows
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.sampling.sample import DockedPoses, DockingSettings
from tests.disco_dock.docking.fake_engine import fake_engine
from tests.support.complexes import write_complexes

PHYSICS = PhysicsSettings(minimize="vina", moves=1)
OFFSETS = (0.0, 0.5, 9.0)  # Angstrom


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    root = tmp_path_factory.mktemp("complexes")
    write_complexes(root)
    return FileCases(root, ["made0", "absent", "made1"], seed=0)


def engine_and_calls(cases):
    """An engine that shifts the crystal pose, and the names that it docked."""
    calls = []

    def docking(models, graph, settings, *, name, on_step):
        calls.append(name)
        pos = cases.load(name).crystal[None] + np.array(OFFSETS)[:, None, None]
        empty = np.zeros((3, 0), dtype=np.int64)
        return DockedPoses(pos=pos, latent_nodes=empty, latent_log_prob=np.zeros(3), confidence=np.arange(3.0))

    return replace(fake_engine(), dock=docking), calls


def test_rows_of_docked_poses(cases, tmp_path):
    engine, _ = engine_and_calls(cases)
    first, failed, _ = dock_rows(engine, cases, DockingSettings(num_poses=3), PHYSICS, tmp_path / "rows.jsonl")
    assert failed.rmsd == () and "no such folder" in failed.error
    facts, case = first.facts, cases.load("made0")
    assert facts.atoms == case.ligand.num_atoms and len(first.rmsd) == len(first.energy) == len(first.confidence) == 3
    assert facts.near.shape == (3, 3) and facts.near.diagonal().all() and (facts.near == facts.near.T).all()
    start = symmetric_rmsd(case.ligand.mol, case.crystal[None] + np.array(OFFSETS)[:, None, None], case.crystal)
    assert np.abs(np.array(first.rmsd) - start).max() > 1e-3  # of the poses after minimisation
    assert first.order(np.array([0.0, 1.0, 2.0]))[0] == 2


def test_a_stopped_run_goes_on(cases, tmp_path):
    engine, calls = engine_and_calls(cases)
    path, settings = tmp_path / "rows.jsonl", DockingSettings(num_poses=3)
    whole = dock_rows(engine, cases, settings, PHYSICS, path)
    text = path.read_text()
    path.write_text("\n".join(text.splitlines()[:2]) + '\n{"id": "cut sh')
    seen = []
    again = dock_rows(
        engine, cases, settings, PHYSICS, path, on_row=lambda row, done, total: seen.append((done, total))
    )
    assert again == whole and path.read_text() == text
    assert calls == ["made0", "made1", "made1"] and seen == [(1, 3), (2, 3), (3, 3)]
    dock_rows(engine, cases, settings, replace(PHYSICS, moves=2), path)
    assert len(calls) == 5 and json.loads(path.read_text().splitlines()[0])["moves"] == 2


def test_facts_of_neighbours():
    row = PoseRow(id="a", atoms=7, rmsd=(1.0, 2.0, 3.0), energy=(0.0, 1.0, 2.0), near=((1,), (0,), ()))
    assert row.facts.near.tolist() == [[True, True, False], [True, True, False], [False, False, True]]
    assert row.facts.confidence is None
