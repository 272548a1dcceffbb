"""Poses after physics: finalists are the best of distinct places, and only they are searched further."""

from __future__ import annotations

import numpy as np
import pytest

from disco_dock.kernels.compiled import available
from disco_dock.models.physics_settings import PhysicsSettings
from disco_dock.physics.vina_scorer import VinaField
from disco_dock.pipeline.physics import lowest_places, refine, refinement_notes
from tests.disco_dock.physics.examples import example
from tests.disco_dock.physics.test_vina_energy import poses

compiled = pytest.mark.skipif(not available(), reason="no C compiler")


def test_places_are_apart_and_in_the_order_of_energy():
    shift = np.array([0.0, 0.5, 10.0, 10.5, 20.0])
    pos = np.zeros((5, 3, 3)) + shift[:, None, None]
    energy = np.array([-1.0, -2.0, -5.0, -4.0, 0.0])
    assert lowest_places(pos, energy, 2).tolist() == [2, 1]
    assert lowest_places(pos, energy, 10).tolist() == [2, 1, 4]
    assert lowest_places(pos, energy, 0).tolist() == []


@compiled
def test_finalists_alone_are_searched_further_and_none_gets_worse():
    receptor, ligand = example("1s3v")
    field, start = VinaField(receptor), poses("1s3v")[:6]
    first = refine(receptor, field, ligand, start, settings(0), seed=3, stream="a", with_strain=False)
    final = refine(receptor, field, ligand, start, settings(2), seed=3, stream="a", with_strain=False)
    assert first.energy is not None and final.energy is not None
    moved = np.flatnonzero((first.pos != final.pos).any((1, 2)))
    chosen = lowest_places(first.pos, first.energy, 2)
    assert len(moved) and set(moved) <= set(chosen)
    assert np.all(final.energy <= first.energy + 1e-4)
    again = refine(receptor, field, ligand, start, settings(2), seed=3, stream="a", with_strain=False)
    assert np.array_equal(again.pos, final.pos)
    assert "20 more in 2 places" in list(refinement_notes(final, settings(2)))[-1]


def settings(finalists: int) -> PhysicsSettings:
    return PhysicsSettings(minimize="vina", moves=2, finalists=finalists, final_moves=20)
