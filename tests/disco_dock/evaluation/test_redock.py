"""Rows and success rates of redocking."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from rdkit import Chem

from disco_dock.chem.symmetry import automorphisms
from disco_dock.evaluation import redock as module
from disco_dock.evaluation.redock import Row, redock, redock_all, skeleton
from disco_dock.evaluation.summary import summarise
from disco_dock.runtime.errors import NumericsError
from disco_dock.sampling.docking import DockedPoses, DockingSettings
from tests.disco_dock.pipeline.fake_engine import fake_models
from tests.support.complexes import LIGANDS
from tests.support.shards import made_up_dataset

OFFSETS = (9.0, 1.0, 4.0)  # Angstrom of the three fake poses from the crystal


def fake_dock(models, graph, settings, *, name):
    """Crystal poses shifted along x; the second is the most confident."""
    dataset = made_up_dataset()
    crystal = dataset[dataset.ids.index(name)].pos_crystal.double().numpy()
    shift = np.array(OFFSETS)[:, None, None] * np.array([1.0, 0.0, 0.0])
    return DockedPoses(
        pos=crystal[None] + shift + graph.origin,
        latent_nodes=np.zeros((3, 0), dtype=np.int64),
        latent_log_prob=np.zeros(3),
        confidence=np.array([-1.0, 2.0, 0.5]),
    )


@pytest.fixture
def docked(monkeypatch):
    monkeypatch.setattr(module, "dock", fake_dock)
    return made_up_dataset()


def test_row_is_ranked_by_confidence(docked):
    row = redock(fake_models(), docked, 0, DockingSettings(num_poses=3))
    assert row.rmsd == pytest.approx((1.0, 4.0, 9.0), abs=1e-3)
    assert row.centroid == pytest.approx((1.0, 4.0, 9.0), abs=1e-3)
    assert row.confidence == (2.0, 0.5, -1.0) and not row.error


def test_symmetry_is_corrected(docked, monkeypatch):
    """Paracetamol with its ring turned over has RMSD 0."""
    number = docked.ids.index("made0")
    graph, crystal = docked[number].graph, docked[number].pos_crystal.double().numpy()
    mol = skeleton(graph)
    swap = max(mol.GetSubstructMatches(mol, uniquify=False), key=lambda match: sum(i != k for k, i in enumerate(match)))
    assert list(swap) != list(range(mol.GetNumAtoms()))

    def turned(models, graph, settings, *, name):
        found = fake_dock(models, graph, settings, name=name)
        return replace(found, pos=np.repeat((crystal[list(swap)] + graph.origin)[None], 3, 0))

    monkeypatch.setattr(module, "dock", turned)
    assert redock(fake_models(), docked, number, DockingSettings(num_poses=3)).rmsd == (0.0, 0.0, 0.0)


def test_untried_symmetries_are_flagged(docked, monkeypatch):
    number = docked.ids.index("made0")
    assert redock(fake_models(), docked, number, DockingSettings(num_poses=3)).exact
    monkeypatch.setattr(module, "automorphisms", lambda mol: automorphisms(mol, max_matches=1))
    row = redock(fake_models(), docked, number, DockingSettings(num_poses=3))
    assert not row.exact and row.rmsd == pytest.approx((1.0, 4.0, 9.0), abs=1e-3)


def test_skeleton_is_the_ligand():
    dataset = made_up_dataset()
    for number, name in enumerate(dataset.ids):
        expected = Chem.MolFromSmiles(LIGANDS[int(name[-1])])
        mol = skeleton(dataset[number].graph)
        assert mol.GetNumBonds() == expected.GetNumBonds()
        assert len(mol.GetSubstructMatch(expected)) == expected.GetNumAtoms()


def test_finished_rows_are_reused_and_failures_are_rows(docked, tmp_path, monkeypatch):
    path, settings = tmp_path / "rows.jsonl", DockingSettings(num_poses=3)
    rows = redock_all(fake_models(), docked, settings, path)
    path.write_text(path.read_text()[:-20])  # killed while writing the last row

    calls = []

    def failing(models, graph, settings, *, name):
        calls.append(name)
        raise NumericsError("score is not finite")

    monkeypatch.setattr(module, "dock", failing)
    again = redock_all(fake_models(), docked, settings, path)
    assert calls == [rows[-1].id]
    assert again[:-1] == rows[:-1] and again[-1].error == "score is not finite"
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()[1:]] == [row.id for row in rows]
    assert redock_all(fake_models(), docked, settings, path) == again and len(calls) == 1
    redock_all(fake_models(), docked, replace(settings, seed=1), path)
    assert len(calls) == 1 + len(rows)


def test_summary_counts_failures_as_misses():
    rows = [
        Row(id="a", rmsd=(1.0, 6.0), centroid=(0.5, 5.5)),
        Row(id="b", rmsd=(7.0, 1.5), centroid=(6.0, 1.0)),
        Row(id="c", error="failed"),
        Row(id="d", rmsd=(4.0, 4.5), centroid=(1.0, 1.0), exact=False),
    ]
    summary = summarise(rows)
    assert (summary["complexes"], summary["failures"], summary["poses"]) == (4, 1, 2)
    assert summary["upper_bounds"] == 1
    assert (summary["under_2_top1"], summary["under_5_top1"]) == (25.0, 50.0)
    assert (summary["under_2_best"], summary["under_5_best"]) == (50.0, 75.0)
    assert summary["median_rmsd_top1"] == 5.5 and summary["centroid_under_5_top1"] == 50.0
    low, high = summary["under_5_best_interval"]
    assert low < 75.0 < high <= 100.0 and summarise(rows) == summary
