"""The sequence of docking: sampling, physics, confidence, and what of it can be given or left out."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from disco_dock.chem.ligands.read_ligand import read_ligand
from disco_dock.docking.predict import predict_prepared
from disco_dock.docking.prepare import prepare_complex
from disco_dock.docking.receptors import ReceptorStore
from disco_dock.docking.sample_and_refine import after_physics, sample_and_refine
from disco_dock.docking.settings import PredictSettings
from disco_dock.physics.settings import NO_PHYSICS, PhysicsSettings
from disco_dock.runtime.errors import NumericsError
from tests.disco_dock.docking.fake_engine import fake_confidence, fake_dock, fake_engine

MINIMISED = PhysicsSettings(minimize="vina", moves=1, rank_by="vina")


@pytest.fixture(scope="module")
def ready(peptide):
    settings = PredictSettings(num_poses=3, steps=2, seed=5)
    ligand = read_ligand("CC(=O)Nc1ccc(O)cc1")
    return prepare_complex(fake_engine(physics=MINIMISED), settings, ReceptorStore(settings, 0), peptide, ligand)


def test_phases_and_steps_are_told_in_order(ready):
    told = []

    @contextmanager
    def phase(name):
        told.append(name)
        yield

    samples = sample_and_refine(
        *(fake_engine(), ready.target, ready.sampling, MINIMISED),
        contacts=None,
        with_strain=False,
        on_step=lambda done, total: told.append((done, total)),
        phase=phase,
    )
    assert told == ["docking", (1, 2), (2, 2), "physics"]
    assert samples.refined.minimised and samples.batch_size == 3
    assert not np.array_equal(samples.refined.pos, samples.docked.pos)


def test_poses_that_are_given_are_not_sampled_again(ready):
    own = sample_and_refine(fake_engine(), ready.target, ready.sampling, NO_PHYSICS, contacts=None)
    engine = fake_engine(dock=lambda *_, **__: pytest.fail("sampled"))
    given = sample_and_refine(engine, ready.target, ready.sampling, NO_PHYSICS, contacts=None, docked=own.docked)
    assert given.docked is own.docked and not given.refined.minimised
    np.testing.assert_array_equal(given.refined.pos, own.docked.pos)


def test_a_prediction_from_sampled_poses_is_that_of_the_whole_sequence(ready):
    settings = PredictSettings(num_poses=3, steps=2, seed=5)
    engine = fake_engine(physics=MINIMISED)
    whole = predict_prepared(engine, settings, ready, name="x")
    docked = fake_dock(engine.models, ready.graph, ready.sampling, name=ready.stream, on_step=None)
    rest = predict_prepared(
        fake_engine(dock=lambda *_, **__: pytest.fail("sampled"), physics=MINIMISED),
        settings,
        ready,
        name="x",
        docked=docked,
    )
    assert rest.table == whole.table


def test_without_a_receptor_there_is_no_physics(ready):
    target = replace(ready.target, receptor=None)
    samples = sample_and_refine(fake_engine(), target, ready.sampling, MINIMISED, contacts=None)
    assert not samples.refined.minimised and samples.refined.energy is None


def test_coordinates_that_are_not_finite_are_refused(ready):
    docked = fake_dock(fake_engine().models, ready.graph, ready.sampling, name="x", on_step=None)
    pos = docked.pos.copy()
    pos[1, 0, 0] = np.nan
    with pytest.raises(NumericsError, match="sample 1 has coordinates that are not finite"):
        sample_and_refine(
            *(fake_engine(), ready.target, ready.sampling, NO_PHYSICS),
            contacts=None,
            docked=replace(docked, pos=pos),
        )


def test_confidence_is_that_of_the_minimised_poses(ready):
    engine = fake_engine()
    samples = sample_and_refine(*(engine, ready.target, ready.sampling, MINIMISED), contacts=None, with_strain=False)
    final = after_physics(engine, ready.graph, *samples[:2])
    assert final.confidence is not None
    expected = fake_confidence(engine.models, ready.graph, samples.refined.pos)[:, 0]
    np.testing.assert_array_equal(final.confidence, expected)
    unchanged = replace(samples.refined, minimised=False)
    assert after_physics(engine, ready.graph, samples.docked, unchanged) is samples.docked
