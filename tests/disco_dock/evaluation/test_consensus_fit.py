"""The consensus regression finds the evidence that tells near poses from far ones."""

from __future__ import annotations

import numpy as np
import pytest

from disco_dock.evaluation.consensus_fit import JudgedPoses, fit_consensus
from disco_dock.models.consensus import Consensus, PoseEvidence
from disco_dock.models.physics_settings import PhysicsSettings
from disco_dock.runtime.config import from_dict, to_dict
from disco_dock.runtime.errors import ConfigError

PHYSICS = PhysicsSettings(minimize="vina", moves=50)


def judged(complexes: int = 150, poses: int = 20) -> list[JudgedPoses]:
    """Poses whose odds of being near depend on the Vina score and the cluster, not on the confidence."""
    draws, found = np.random.default_rng(0), []
    for _ in range(complexes):
        evidence = PoseEvidence(draws.normal(size=poses), draws.normal(-0.3, 0.1, poses), draws.uniform(size=poses))
        logit = -4 - 10 * evidence.vina_per_atom + 2 * evidence.cluster_share
        near = draws.uniform(size=poses) < 1 / (1 + np.exp(-logit))
        found.append(JudgedPoses(evidence, np.where(near, 1.0, 5.0)))
    return found


def test_weights_are_those_that_made_the_labels():
    weights = fit_consensus(judged(), PHYSICS)
    assert weights.vina_per_atom == pytest.approx(-10, abs=2)
    assert weights.cluster_share == pytest.approx(2, abs=0.5)
    assert abs(weights.confidence) < 0.2
    assert (weights.minimize, weights.moves, weights.complexes, weights.poses) == ("vina", 50, 150, 3000)


def test_better_evidence_ranks_higher():
    weights = fit_consensus(judged(), PHYSICS)
    logit = weights.logit(PoseEvidence(np.zeros(2), np.array([-0.5, -0.1]), np.array([0.5, 0.5])))
    assert logit[0] > logit[1]


def test_weights_survive_the_config():
    weights = fit_consensus(judged(20), PHYSICS)
    assert from_dict(Consensus, to_dict(weights)) == weights


@pytest.mark.parametrize("distance", [1.0, 5.0])
def test_poses_of_one_side_only(distance: float):
    one = judged(1)[0]
    with pytest.raises(ConfigError, match="of either side"):
        fit_consensus([JudgedPoses(one.evidence, np.full(20, distance))], PHYSICS)
