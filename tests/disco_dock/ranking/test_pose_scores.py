"""Scores that are added: their names, their checks, and that nothing is left when they are removed."""

from __future__ import annotations

import numpy as np
import pytest

from disco_dock.physics.settings import RANKINGS, PhysicsSettings
from disco_dock.ranking.pose_scores import (
    SMALLEST,
    PoseScore,
    add_pose_score,
    added,
    added_scores,
    rankings,
    remove_pose_score,
)
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
    assert added_scores("flat", None, None, pos, None, 1.0)["flat"].tolist() == [1.0, 1.0, 1.0]
    assert added_scores("vina", None, None, pos, None, 1.0) == {} and added("vina") is None
    add_pose_score(PoseScore(name="short", score=lambda receptor, ligand, pos: np.ones(1)))
    try:
        with pytest.raises(ConfigError, match=r"'short' gave an array of shape \(1,\) for 3 poses"):
            added_scores("short", None, None, pos, None, 1.0)
    finally:
        remove_pose_score("short")


def test_a_probability_ranks_with_the_contact_score_under_a_name_of_its_own(others):
    near = np.array([0.5, 0.9, 0.0])
    add_pose_score(PoseScore(name="likely", score=lambda receptor, ligand, pos: near, fused_as="both"))
    try:
        assert rankings() == (*others, "likely", "both") and added("both") is added("likely")
        contacts = np.array([1.0, 2.0, 3.0])
        for name in ("likely", "both"):
            found = added_scores(name, None, None, np.zeros((3, 5, 3)), contacts, 0.5)
            assert list(found) == ["likely", "both"] and found["likely"].tolist() == near.tolist()
            logits = [0.0, np.log(9), np.log(SMALLEST / (1 - SMALLEST))]
            np.testing.assert_allclose(found["both"], contacts + 0.5 * np.array(logits), atol=1e-9)
        assert list(added_scores("likely", None, None, np.zeros((3, 5, 3)), None, 0.5)) == ["likely"]
        with pytest.raises(ConfigError, match="'both' already"):
            add_pose_score(PoseScore(name="other", score=lambda receptor, ligand, pos: near, fused_as="both"))
        assert "other" not in rankings()
    finally:
        remove_pose_score("likely")
    assert rankings() == others


@pytest.mark.parametrize("name", ["vina", "flat", "two words", "Flat", ""])
def test_a_name_that_cannot_be_is_refused(flat, name):
    with pytest.raises(ConfigError):
        add_pose_score(PoseScore(name=name, score=lambda receptor, ligand, pos: np.ones(len(pos))))
