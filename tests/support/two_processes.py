"""What each of two processes does in the test of distributed training; run as a script by torchrun, or alone.

Writes the averaged gradient, and the running statistics of batch norms, of one step of each stage.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from torch import nn

from disco_dock.data.dataset import ComplexDataset
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.runtime.distributed import average_gradients, process_group, processes
from disco_dock.training.confidence.step import ConfidenceStage, make_confidence_batch
from disco_dock.training.feeding import own_share
from disco_dock.training.prior.marginal import Marginal
from disco_dock.training.prior.step import PriorStage, make_prior_batch
from disco_dock.training.score.step import ScoreStage, make_score_batch
from tests.support.small_models import published_preset, small_models


def labels(example):
    stream = torch.Generator().manual_seed(len(example.name) + example.graph.num_atoms)
    return torch.randn(2, example.graph.num_atoms + example.graph.num_residues, generator=stream)


def record(stage: nn.Module, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    loss.backward()
    mean = average_gradients(stage.parameters(), loss)
    found = {name: p.grad for name, p in stage.named_parameters() if p.grad is not None and p.numel()}
    statistics = {name: b.double() for name, b in stage.named_buffers() if "running" in name and b.numel()}
    return {**found, **statistics, "loss": mean.reshape(1)}


def main(shards: str, out: str, complexes: str) -> None:
    """Gradients of all stages and designs, into a file."""
    torch.set_default_dtype(torch.float32)
    with process_group("cpu"):
        dataset = ComplexDataset(Path(shards))
        numbers, counts = own_share(list(range(int(complexes))), processes())
        examples = [dataset[i] for i in numbers]
        results = {}
        for design in ("tiny", "published"):
            models = small_models(design)
            for module in models:
                module.train()
            config = models.score.config
            batch = make_score_batch(examples, config, copies=2, null_rate=0.5, seed=0, step=0)
            batch = batch if counts else batch._replace(weight=torch.zeros_like(batch.weight))
            stage = ScoreStage(models.score, models.encoder, igso3_table())
            results[f"{design} score"] = record(stage, stage(with_language_model(batch, design), 1.0).means().loss)
        torch.manual_seed(0)
        models = small_models("tiny")
        marginal = Marginal.of([dataset[i].graph for i in range(3)], [labels(dataset[i]).softmax(-1) for i in range(3)])
        prior = PriorStage(models.prior.train(), marginal)
        prior_batch = make_prior_batch(examples, [labels(e) for e in examples], hard=False, seed=0, step=0)
        prior_batch = prior_batch if counts else prior_batch._replace(weight=torch.zeros_like(prior_batch.weight))
        results["prior"] = record(prior, prior(prior_batch).loss)
        confidence = ConfidenceStage(models.confidence.train())
        poses = make_confidence_batch(examples, [None] * len(examples), config.noise, copies=2, seed=0, step=0)
        poses = poses if counts else poses._replace(weight=torch.zeros_like(poses.weight))
        results["confidence"] = record(confidence, confidence(poses).loss)
        if processes().first:
            torch.save(results, out)


def with_language_model(batch, design):
    """The published layout reads language-model features, which shards do not have; these depend on the residue."""
    if design != "published":
        return batch
    from dataclasses import replace

    width = published_preset().score.trunk.lm_dim
    kinds = nn.functional.one_hot(batch.graphs.rec_type % width, width).float()
    return batch._replace(graphs=replace(batch.graphs, rec_lm=kinds))


if __name__ == "__main__":
    main(*sys.argv[1:])
    os._exit(0)  # all is written; torch's own threads now and then abort the interpreter while it is taken down
