"""Small networks with random weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from disco_dock.models.confidence import ConfidenceModel
from disco_dock.models.prior import LatentPrior
from disco_dock.models.score import ScoreModel
from disco_dock.training.presets import preset
from disco_dock.weights.config import CheckpointConfig
from disco_dock.weights.networks import Models

SIZES = preset("tiny")


@pytest.fixture(scope="module")
def models() -> Models:
    torch.manual_seed(0)
    config = CheckpointConfig(name="tiny", score=SIZES.score, prior=SIZES.prior, confidence=SIZES.confidence)
    return Models(
        score=ScoreModel(SIZES.score).eval(),
        encoder=None,
        prior=LatentPrior(SIZES.prior).eval(),
        confidence=ConfidenceModel(SIZES.confidence).eval(),
        config=config,
        directory=Path(),
        sha256="",
        device=torch.device("cpu"),
    )
