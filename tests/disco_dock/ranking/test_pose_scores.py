"""Scores that are added: their names, their checks, and that nothing is left when they are removed."""

from __future__ import annotations

import numpy as np
import pytest

from disco_dock.physics.settings import RANKINGS, PhysicsSettings
from disco_dock.ranking.pose_scores import PoseScore, add_pose_score, added_score, rankings, remove_pose_score
from disco_dock.runtime.errors import ConfigError


@pytest.fixture
def others():
    """The rankings of the product, those of `POSE_SCORES` too."""
    return rankings()


@pytest.fixture
def flat(others):
    """A score that gives every pose the same number."""
    add_pose_score(PoseScore(name="flat", score=lambda receptor, ligand, pos: np.ones(len(pos))))
    yield "flat"
    if "flat" in rankings():
        remove_pose_score("flat")


def test_poses_are_ranked_by_an_added_score_until_it_is_removed(flat, others):
    assert others[: len(RANKINGS)] == RANKINGS and rankings() == (*others, "flat")
    assert PhysicsSettings(rank_by="flat").rank_by == "flat"
    remove_pose_score("flat")
    assert rankings() == others
    with pytest.raises(ConfigError, match="not 'flat'"):
        PhysicsSettings(rank_by="flat")


def test_one_number_for_each_pose(flat):
    pos = np.zeros((3, 5, 3))
    assert added_score("flat", None, None, pos).tolist() == [1.0, 1.0, 1.0]
    assert added_score("vina", None, None, pos) is None
    add_pose_score(PoseScore(name="short", score=lambda receptor, ligand, pos: np.ones(1)))
    try:
        with pytest.raises(ConfigError, match=r"'short' gave an array of shape \(1,\) for 3 poses"):
            added_score("short", None, None, pos)
    finally:
        remove_pose_score("short")


@pytest.mark.parametrize("name", ["vina", "flat", "two words", "Flat", ""])
def test_a_name_that_cannot_be_is_refused(flat, name):
    with pytest.raises(ConfigError):
        add_pose_score(PoseScore(name=name, score=lambda receptor, ligand, pos: np.ones(len(pos))))
