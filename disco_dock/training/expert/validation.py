"""Validation losses of the pose expert by interval of the noise, along two ways from noise to pose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from disco_dock.data.dataset import ComplexDataset
from disco_dock.diffusion.schedule import NoiseConfig, Sigmas, sigmas
from disco_dock.runtime.distributed import processes
from disco_dock.training.expert.step import PLAIN, ExpertBatch, ExpertStage, Levels, make_expert_batch, without_change
from disco_dock.training.score.validation_losses import PARTS, interval_names
from disco_dock.training.settings import TrainConfig
from disco_dock.training.stage import VALIDATION_SEED, shared_means

POSES = 12  # of each complex and way, at least, over all intervals
LAST_TIME = 0.8
"""Of the way that all components go together, as a score model's do: above it no atom of the receptor says much."""


def ways(config: TrainConfig) -> dict[str, tuple[NoiseConfig, float]]:
    """Noise ranges and last time of each way, by the name that its losses begin with.

    On ``val`` all components have the score model's noise at one time. On ``val_pose`` the translation begins where the
    expert takes over, and rotation and torsions begin unknown.
    """
    own = NoiseConfig(
        tr_min=config.noise.tr_min,
        tr_max=config.expert.handover,
        rot_min=config.noise.rot_min,
        rot_max=config.noise.rot_max,
        tor_min=config.noise.tor_min,
        tor_max=config.noise.tor_max,
    )
    return {"val": (config.noise, LAST_TIME), "val_pose": (own, 1.0)}


def validation_batches(
    dataset: ComplexDataset, config: TrainConfig, stage: ExpertStage, device: torch.device
) -> dict[str, list[ExpertBatch]]:
    """Fixed batches of this process's share of the complexes by way, one complex each."""
    intervals = config.validation.intervals
    copies = intervals * -(-POSES // intervals)
    numbers = processes().share(list(range(min(config.validation.complexes, len(dataset)))))
    return {
        name: [
            make_expert_batch(
                [dataset[number]],
                stage.expert.config,
                PLAIN,
                noise,
                stage.table,
                copies=copies,
                seed=VALIDATION_SEED,
                step=0,
                levels=_levels(noise, last),
            ).to(device)
            for number in numbers
        ]
        for name, (noise, last) in ways(config).items()
    }


def _levels(noise: NoiseConfig, last: float) -> Levels:
    def levels(t: Tensor) -> Sigmas:
        return sigmas(last * t, noise)

    return levels


@torch.no_grad()
def expert_losses(
    stage: ExpertStage, batches: Mapping[str, Sequence[ExpertBatch]], config: TrainConfig
) -> dict[str, float]:
    """Losses as shares of those of predicting no change, of each part over all times and by interval of the noise.

    Names are ``val_tr``, ``val_rot``, ``val_tor``, ``val_loss`` (their mean) and ``val_tr_sigma_0.10-0.29`` and so on,
    and the same of the other way.
    """
    means: dict[str, float] = {}
    for way, (noise, last) in ways(config).items():
        values = _losses(stage, batches[way], interval_names(noise, config.validation.intervals, last))
        means |= {f"{way}_{name}": value for name, value in values.items()}
        means[f"{way}_loss"] = sum(values.get(part, 0.0) for part in PARTS) / len(PARTS)
    return means


def _losses(
    stage: ExpertStage, batches: Sequence[ExpertBatch], names: Sequence[tuple[str, str, str]]
) -> dict[str, float]:
    keys = [part for group in (PARTS, *names) for part in group]
    sums, counts = dict.fromkeys(keys, 0.0), dict.fromkeys(keys, 0.0)
    for batch in batches:
        for found, total in ((stage(batch), sums), (without_change(batch, stage), counts)):
            for position, part in enumerate(PARTS):
                by_interval = found[position].double().view(-1, len(names), batch.copies // len(names))
                for number, value in enumerate(by_interval.sum((0, 2)).tolist()):
                    total[part] += value
                    total[names[number][position]] += value
    return shared_means(sums, counts)
