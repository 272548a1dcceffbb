"""What a user asks of physics on top of what a checkpoint says."""

from __future__ import annotations

import pytest

from disco_dock.physics.settings import PhysicsChoice, PhysicsSettings
from disco_dock.runtime.errors import ConfigError

BASE = PhysicsSettings(minimize="vina", moves=100, restarts=1, finalists=10, rank_by="vina")


def test_nothing_asked_leaves_the_checkpoint_as_it_is():
    assert PhysicsChoice().over(BASE) == BASE
    assert PhysicsChoice.exactly(BASE).over(PhysicsSettings()) == BASE


def test_no_moves_means_no_finalists_unless_they_are_asked_for():
    assert PhysicsChoice(moves=0).over(BASE).finalists == 0
    assert PhysicsChoice(moves=0, finalists=3).over(BASE).finalists == 3
    assert PhysicsChoice(moves=20).over(BASE).finalists == 10
    assert PhysicsChoice(moves=0).over(BASE).restarts == 0 and PhysicsChoice(moves=20).over(BASE).restarts == 1
    assert PhysicsChoice(moves=0, restarts=2).over(BASE).restarts == 2
    assert PhysicsChoice(restarts=0).over(BASE).restarts == 0


def test_leaving_finalists_out_asks_for_no_physics():
    assert not PhysicsChoice(finalists=0, restarts=0).requested
    assert PhysicsChoice(restarts=1).requested
    assert PhysicsChoice(finalists=1).requested
    assert PhysicsChoice(finalists=0).over(PhysicsSettings()) == PhysicsSettings()


@pytest.mark.parametrize("values", [{"moves": -1}, {"restarts": -1}, {"finalists": -1}])
def test_negative_numbers_are_refused(values):
    with pytest.raises(ConfigError, match="0 or larger"):
        PhysicsChoice(**values)


@pytest.mark.parametrize(
    ("values", "option"),
    [({"moves": 3}, "--search-moves"), ({"restarts": 1}, "--restarts"), ({"finalists": 3}, "--finalists")],
)
def test_a_search_without_vina_is_refused(values, option):
    with pytest.raises(ConfigError, match=f"{option} has no effect"):
        PhysicsChoice(minimize="mmff", **values).over(BASE)
