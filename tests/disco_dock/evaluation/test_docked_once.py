"""Methods that differ in physics or ranking dock a complex once, and their poses are those of a method alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from disco_dock.evaluation.cases import FileCases
from disco_dock.evaluation.docked_once import SharedDocking
from disco_dock.evaluation.measure import evaluate
from disco_dock.evaluation.method import NetworkMethod
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.sampling.sample import DockingSettings
from tests.disco_dock.docking.fake_engine import fake_engine
from tests.support.complexes import write_complexes

VINA = PhysicsSettings(minimize="vina", moves=2, rank_by="vina")
SETTINGS = DockingSettings(num_poses=4)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    write_complexes(root := tmp_path_factory.mktemp("complexes"))
    return FileCases(root, ["made0", "made2"], seed=0)


def counting_engine(calls):
    engine = fake_engine()

    def dock(models, graph, settings, *, name, on_step):
        calls.append((name, settings.pocket is not None))
        return engine.dock(models, graph, settings, name=name, on_step=on_step)

    return replace(engine, dock=dock)


def in_order(pos):
    """Poses (poses, atoms, 3) in an order of their own."""
    return pos[np.lexsort(pos[:, 0].T)]


def test_a_complex_is_docked_once(cases, tmp_path):
    calls = []
    shared = SharedDocking(counting_engine(calls), SETTINGS)
    blind = [
        NetworkMethod(shared),
        NetworkMethod(shared, VINA),
        NetworkMethod(shared, replace(VINA, rank_by="confidence")),
    ]
    methods = [*blind, NetworkMethod(shared, VINA, in_pocket=True)]
    rows = evaluate(methods, cases, tmp_path, check_poses=0)
    assert list(rows) == [method.name for method in methods] and not any(
        row.error for one in rows.values() for row in one
    )
    assert calls == [("made0", False), ("made0", True), ("made2", False), ("made2", True)]
    alone, by_energy, by_confidence, _ = (one[0] for one in rows.values())
    assert sorted(by_energy.rmsd) == sorted(by_confidence.rmsd) and by_energy.score != by_confidence.score
    assert 0 <= alone.cpu_seconds < by_energy.cpu_seconds  # that of a method alone, whoever went first


def test_poses_are_those_of_a_method_alone(cases):
    shared, case = SharedDocking(fake_engine(), SETTINGS), cases.load("made0")
    for physics in (PhysicsSettings(), VINA, replace(VINA, rank_by="confidence"), replace(VINA, moves=0)):
        together = NetworkMethod(shared, physics).dock(case)
        alone = NetworkMethod(SharedDocking(fake_engine(), SETTINGS), physics).dock(case)
        np.testing.assert_array_equal(together.pos, alone.pos)
        np.testing.assert_array_equal(together.score, alone.score)
    scored = replace(VINA, minimize="none", moves=100)
    unscored = NetworkMethod(shared, PhysicsSettings()).dock(case)
    by_energy = NetworkMethod(shared, scored).dock(case)
    np.testing.assert_array_equal(in_order(unscored.pos), in_order(by_energy.pos))


def test_another_complex_of_the_same_name_is_another_one(cases):
    shared = SharedDocking(fake_engine(), SETTINGS)
    first, second = cases.load("made0"), cases.load("made0")
    moved = replace(second, graph=replace(second.graph, origin=second.graph.origin + 1.0))
    one, other = (NetworkMethod(shared).dock(case).pos for case in (first, moved))
    assert not np.allclose(one, other)
