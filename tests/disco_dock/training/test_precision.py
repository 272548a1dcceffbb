"""The stages in 16 bits: near the 32-bit loss, gradients in 32 bits and finite, noise untouched."""

from __future__ import annotations

import pytest
import torch

from disco_dock.diffusion.so3 import igso3_table
from disco_dock.runtime.precision import mixed_precision
from disco_dock.training.confidence.step import ConfidenceStage, make_confidence_batch
from disco_dock.training.prior.marginal import Marginal
from disco_dock.training.prior.step import PriorStage, make_prior_batch
from disco_dock.training.score.step import ScoreStage, make_score_batch
from tests.support.shards import made_up_dataset
from tests.support.small_models import small_models

CPU = torch.device("cpu")


def losses(stage_name: str, precision: str) -> tuple[float, torch.nn.Module]:
    models = small_models("tiny")
    examples = [made_up_dataset()[number] for number in range(3)]
    labels = [torch.zeros(2, example.graph.num_atoms + example.graph.num_residues) for example in examples]
    stage: torch.nn.Module
    with mixed_precision(CPU, precision):
        if stage_name == "score":
            stage = ScoreStage(models.score, models.encoder, igso3_table())
            batch = make_score_batch(examples, models.score.config, copies=4, null_rate=1.0, seed=0, step=0)
            loss = stage(batch, 1.0).means().loss
        elif stage_name == "prior":
            marginal = Marginal.of([example.graph for example in examples], [x.softmax(-1) for x in labels])
            stage = PriorStage(models.prior, marginal)
            loss = stage(make_prior_batch(examples, labels, hard=True, seed=0, step=0)).loss
        else:
            stage = ConfidenceStage(models.confidence)
            noise = models.score.config.noise
            loss = stage(make_confidence_batch(examples, [None] * 3, noise, copies=4, seed=0, step=0)).loss
    assert loss.dtype == torch.float32
    loss.backward()
    return float(loss.detach()), stage


@pytest.mark.parametrize("stage_name", ["score", "prior", "confidence"])
def test_loss_is_near_that_of_32_bits(stage_name):
    expected, _ = losses(stage_name, "float32")
    found, stage = losses(stage_name, "bf16")
    assert found == pytest.approx(expected, rel=0.05) and found != expected
    gradients = [p.grad for p in stage.parameters() if p.grad is not None]
    assert gradients and all(g.dtype == torch.float32 and bool(torch.isfinite(g).all()) for g in gradients)
