"""Validation losses of the score stage, by latents and by interval of the noise level."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.plan import BatchPlan
from disco_dock.diffusion.schedule import NoiseConfig, sigmas
from disco_dock.models.score import ScoreModelConfig
from disco_dock.runtime.distributed import processes
from disco_dock.training.score.losses import WEIGHT
from disco_dock.training.score.step import ScoreBatch, ScoreStage, make_score_batch
from disco_dock.training.settings import ValidationConfig
from disco_dock.training.stage import VALIDATION_SEED, shared_means

BATCH = 4  # complexes
PARTS = ("tr", "rot", "tor")


def validation_batches(
    dataset: ComplexDataset, model: ScoreModelConfig, config: ValidationConfig, device: torch.device
) -> list[ScoreBatch]:
    """Fixed batches of this process's share of the complexes, each complex once per interval of t."""
    atoms, residues = dataset.sizes()
    count = min(config.complexes, len(dataset))
    plan = BatchPlan(atoms[:count], residues[:count], batch_size=BATCH, seed=VALIDATION_SEED)
    batches = []
    for step in processes().share(plan.steps(0)):
        examples = [dataset[i] for i in plan.batch(step)]
        batch = make_score_batch(
            examples,
            model,
            copies=config.intervals,
            null_rate=0.0,
            seed=VALIDATION_SEED,
            step=0,
            stratified=True,
        )
        batches.append(batch.to(device))
    return batches


def interval_names(noise: NoiseConfig, intervals: int, last: float = 1.0) -> list[tuple[str, str, str]]:
    """Names of tr, rot and tor losses in each interval of t up to the last, such as ``tr_sigma_0.10-0.29``."""
    edges = [sigmas(last * k / intervals, noise) for k in range(intervals + 1)]

    def name(low: float, high: float, part: str) -> str:
        return f"{part}_sigma_{low:.2f}-{high:.2f}"

    return [
        (
            name(float(low.tr), float(high.tr), PARTS[0]),
            name(float(low.rot), float(high.rot), PARTS[1]),
            name(float(low.tor), float(high.tor), PARTS[2]),
        )
        for low, high in zip(edges, edges[1:], strict=False)
    ]


@torch.no_grad()
def validation_losses(stage: ScoreStage, batches: Sequence[ScoreBatch], config: ValidationConfig) -> dict[str, float]:
    """Mean losses with oracle latents and with null latents (only the former for a model without), uniform in t.

    Names are ``val_oracle_loss``, ``val_oracle_tr`` and so on, and per interval ``val_oracle_tr_sigma_0.10-0.29``.
    """
    names = interval_names(stage.score.config.noise, config.intervals)
    cases = ("oracle",) if stage.encoder is None else ("oracle", "null")
    all_names = [f"val_{case}_{part}" for case in cases for group in (PARTS, *names) for part in group]
    sums, counts = dict.fromkeys(all_names, 0.0), dict.fromkeys(all_names, 0.0)

    def add(name: str, value: torch.Tensor, count: torch.Tensor) -> None:
        sums[name] += float(value.double().sum())
        counts[name] += float(count.double().sum())

    for case in cases:
        for batch in batches:
            losses = stage(batch.with_latents(case == "oracle"), 1.0)
            by_interval = [value.view(-1, config.intervals) for value in losses[:4]]
            ones = torch.ones_like(by_interval[0])
            for part, value, count in zip(PARTS, by_interval[:3], (ones, ones, by_interval[3]), strict=True):
                add(f"val_{case}_{part}", value, count)
            for k, (tr, rot, tor) in enumerate(names):
                add(f"val_{case}_{tr}", by_interval[0][:, k], ones[:, k])
                add(f"val_{case}_{rot}", by_interval[1][:, k], ones[:, k])
                add(f"val_{case}_{tor}", by_interval[2][:, k], by_interval[3][:, k])
    means = shared_means(sums, counts)
    for case in cases:
        parts = sum(means.get(f"val_{case}_{part}", 0.0) for part in PARTS)
        means[f"val_{case}_loss"] = WEIGHT * parts
    return means
