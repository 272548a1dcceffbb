"""Stage 3: the confidence model learns which poses are near the crystal pose."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from disco_dock.data.example import TrainingExample
from disco_dock.diffusion.perturb import perturb
from disco_dock.diffusion.schedule import NoiseConfig
from disco_dock.graph.batch import collate
from disco_dock.graph.schema import GraphBatch
from disco_dock.models.confidence import ConfidenceModel
from disco_dock.runtime.distributed import processes, total
from disco_dock.runtime.precision import full_precision
from disco_dock.training.confidence.pose_errors import PoseErrors
from disco_dock.training.noise_draws import generators, noise_draws, uniform_rows
from disco_dock.training.score.step import pad_positions

MAX_TIME = 0.8
"""Noised crystal poses are drawn at times up to this one: sigma_tr 0.1 to 6.6 Angstrom in the published range."""


class ConfidenceBatch(NamedTuple):
    """One step's data; the rows are `copies` poses of each complex, adjacent.

    Attributes:
        graphs: (complexes).
        copies: poses per complex.
        pos: (rows, atoms, 3) in Angstrom.
        rmsd: (rows,) from the crystal pose in Angstrom, corrected for symmetry.
        weight: (rows,) in the mean of the losses.
    """

    graphs: GraphBatch
    copies: int
    pos: Tensor
    rmsd: Tensor
    weight: Tensor

    def to(self, device: torch.device) -> ConfidenceBatch:
        """The same batch on another device."""
        return self._replace(
            graphs=self.graphs.to(device),
            pos=self.pos.to(device),
            rmsd=self.rmsd.to(device),
            weight=self.weight.to(device),
        )


def _with_errors(
    examples: Sequence[TrainingExample], graphs: GraphBatch, copies: int, pos: Tensor, errors: PoseErrors
) -> ConfidenceBatch:
    """The batch of some poses with their RMSDs."""
    rmsd = []
    for number, example in enumerate(examples):
        rmsd.append(errors(example, pos[number * copies : (number + 1) * copies, : example.graph.num_atoms]))
    return ConfidenceBatch(graphs, copies, pos, torch.cat(rmsd), torch.ones(len(pos)))


def make_confidence_batch(
    examples: Sequence[TrainingExample],
    sampled: Sequence[Tensor | None],
    noise: NoiseConfig,
    *,
    copies: int,
    seed: int,
    step: int,
    errors: PoseErrors | None = None,
) -> ConfidenceBatch:
    """The batch of a step: half of each complex's poses (rounded up) are docked ones if there are any, others noised.

    Args:
        examples: complexes with matched and crystal poses.
        sampled: (poses, atoms, 3) docked poses of each complex, or None.
        noise: ranges of the score model.
        copies: poses per complex.
        seed: of the run.
        step: of the run.
        errors: remembers symmetries between calls.
    """
    streams = generators(examples, "confidence", seed, step)
    graphs = collate([example.graph for example in examples])
    rows = graphs.repeat_interleave(copies)
    matched = pad_positions([example.pos_matched for example in examples], graphs.num_atoms)
    t = MAX_TIME * uniform_rows(streams, copies)
    draws = noise_draws(examples, streams, copies, rows.topology.bonds.shape[1])
    pos, _, _ = perturb(
        matched.repeat_interleave(copies, 0),
        t,
        rows.topology,
        noise,
        draws,
        atom_mask=rows.lig_mask,
        torsion_mask=rows.torsion_mask,
    )
    pos = pos.float()
    for number, (docked, stream) in enumerate(zip(sampled, streams, strict=True)):
        if docked is None:
            continue
        choice = torch.rand((copies + 1) // 2, generator=stream)
        chosen = docked[(choice * len(docked)).long()]
        first = number * copies
        pos[first : first + len(chosen), : chosen.shape[1]] = chosen
    return _with_errors(examples, graphs, copies, pos, errors or PoseErrors())


def docked_batch(examples: Sequence[TrainingExample], docked: Sequence[Tensor]) -> ConfidenceBatch:
    """All docked poses of some complexes and no others.

    Args:
        examples: complexes with crystal poses.
        docked: (poses, atoms, 3) of each, the same number of poses for all.
    """
    graphs = collate([example.graph for example in examples])
    pos = pad_positions([pose for poses in docked for pose in poses], graphs.num_atoms)
    return _with_errors(examples, graphs, len(docked[0]), pos, PoseErrors())


class ConfidenceLosses(NamedTuple):
    """Mean loss, with gradient, and per-row logits and labels (rows, thresholds)."""

    loss: Tensor
    logits: Tensor
    labels: Tensor


class ConfidenceStage(nn.Module):
    """The confidence model in training: binary cross entropy at each threshold."""

    def __init__(self, confidence: ConfidenceModel) -> None:
        super().__init__()
        self.confidence = confidence

    def forward(self, batch: ConfidenceBatch) -> ConfidenceLosses:
        """Loss of a batch; where several processes train together, the mean of theirs is that over all rows."""
        rows = batch.graphs.repeat_interleave(batch.copies)
        receptor = self.confidence.trunk.receptor_state(batch.graphs).repeat_interleave(batch.copies)
        logits = self.confidence(rows, batch.pos, receptor)
        with full_precision(logits.device):
            logits = logits.float()
            limits = torch.tensor(self.confidence.config.thresholds, device=logits.device)
            labels = (batch.rmsd[:, None] < limits).to(logits.dtype)
            each = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none").mean(-1)
            rows_of_all = total(batch.weight.sum()) / processes().size
            loss = (each * batch.weight).sum() / rows_of_all
        return ConfidenceLosses(loss, logits, labels)


def area_under_roc(score: Tensor, positive: Tensor) -> float:
    """Probability that a positive row has a higher score than a negative one, ties half; NaN without both kinds."""
    high, low = score[positive], score[~positive]
    if not len(high) or not len(low):
        return float("nan")
    difference = high[:, None] - low[None]
    return float(((difference > 0).double() + 0.5 * (difference == 0).double()).mean())


def areas_under_roc(logits: Tensor, labels: Tensor, thresholds: Sequence[float]) -> dict[str, float]:
    """Area under the ROC curve of each threshold's logit (rows, thresholds), by name; left out where undefined."""
    areas = {f"auroc_{limit:g}": area_under_roc(logits[:, k], labels[:, k]) for k, limit in enumerate(thresholds)}
    return {name: area for name, area in areas.items() if not math.isnan(area)}


def ranking_values(logit: Tensor, rmsd: Tensor, thresholds: Sequence[float]) -> dict[str, float]:
    """How well a logit picks among the poses of each complex: shares of complexes, chance and the best possible too.

    Args:
        logit: (complexes, poses).
        rmsd: (complexes, poses) in Angstrom.
        thresholds: a pick below it is a success.
    """
    picked = rmsd.gather(1, logit.argmax(1, keepdim=True)).squeeze(1)
    values: dict[str, float] = {}
    for limit in thresholds:
        values[f"top1_under_{limit:g}"] = float((picked < limit).double().mean())
        values[f"chance_under_{limit:g}"] = float((rmsd < limit).double().mean())
        values[f"best_under_{limit:g}"] = float((rmsd.amin(1) < limit).double().mean())
    return values


def labels_share(labels: Tensor, thresholds: Sequence[float]) -> Mapping[str, float]:
    """Share of positive rows at each threshold, by name."""
    return {f"share_{limit:g}": float(labels[:, k].mean()) for k, limit in enumerate(thresholds)}
