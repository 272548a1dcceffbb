"""Docked poses judged by an all-atom confidence network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from disco_dock.diffusion.sampler_config import SamplerConfig
from disco_dock.graph.batch import collate
from disco_dock.graph.schema import ComplexGraph
from disco_dock.models.all_atom.confidence import AllAtomConfidence, AllAtomConfidenceConfig
from disco_dock.models.all_atom.edges import AllAtomConfig
from disco_dock.models.score import ScoreModel
from disco_dock.models.trunk import TrunkConfig
from disco_dock.runtime.errors import ConfigError
from disco_dock.sampling.sample import DockingSettings, dock
from disco_dock.training.presets import preset
from disco_dock.weights.config import CheckpointConfig
from disco_dock.weights.networks import Models
from tests.support.graphs import random_graph
from tests.support.small_models import randomised

SETTINGS = DockingSettings(num_poses=5, seed=1, sampler=SamplerConfig(steps=2))
JUDGE = AllAtomConfidenceConfig(trunk=AllAtomConfig(scalars=6, vectors=2, layers=3, lm_dim=0))


@pytest.fixture(scope="module")
def models() -> Models:
    torch.manual_seed(0)
    score = preset("tiny").score
    score = replace(score, trunk=replace(score.trunk, num_latents=0))
    judge = randomised(AllAtomConfidence(JUDGE), 1)
    assert isinstance(judge, AllAtomConfidence) and isinstance(score.trunk, TrunkConfig)
    return Models(
        score=ScoreModel(score).eval(),
        encoder=None,
        prior=None,
        confidence=judge,
        config=CheckpointConfig(name="test", score=score, all_atom_confidence=JUDGE),
        directory=Path(),
        sha256="",
        device=torch.device("cpu"),
    )


@pytest.fixture(scope="module")
def graph() -> ComplexGraph:
    return replace(random_graph(1, rec_atoms=5), origin=np.array([10.0, -20.0, 30.0]))


@torch.no_grad()
def test_confidence_is_the_logit_of_the_best_class(models: Models, graph: ComplexGraph) -> None:
    docked = dock(models, graph, SETTINGS, name="a")
    assert docked.confidence is not None and models.confidence is not None
    pos = torch.from_numpy(docked.pos - graph.origin).float()
    logits = models.confidence(collate([graph]).expand(5), pos)
    np.testing.assert_allclose(docked.confidence, logits[:, 0].numpy(), atol=1e-4)
    assert np.ptp(docked.confidence) > 1e-5


def test_confidence_is_the_same_bit_for_bit_at_every_batch_size(models: Models, graph: ComplexGraph) -> None:
    first, *others = (dock(models, graph, replace(SETTINGS, batch_size=size), name="a") for size in (1, 2, 5))
    assert first.confidence is not None
    for other in others:
        np.testing.assert_array_equal(other.confidence, first.confidence)


def test_a_graph_without_receptor_atoms_is_one_sentence_before_any_sampling(models: Models) -> None:
    steps: list[int] = []
    with pytest.raises(ConfigError, match="heavy atoms") as caught:
        dock(models, random_graph(1), SETTINGS, on_step=lambda done, total: steps.append(done))
    assert "\n" not in str(caught.value) and not steps
