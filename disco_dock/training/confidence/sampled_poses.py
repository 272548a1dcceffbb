"""Poses docked with a checkpoint for many complexes, with their errors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from disco_dock.data.dataset import ComplexDataset
from disco_dock.runtime.config import to_dict
from disco_dock.runtime.errors import NumericsError
from disco_dock.sampling.sample import DockingSettings, dock
from disco_dock.training.earlier_stages import for_shards, part_hashes
from disco_dock.training.kept_tensors import KeptTensors, compute_kept
from disco_dock.weights.networks import Models

logger = logging.getLogger(__name__)


def sampled_poses(
    models: Models,
    dataset: ComplexDataset,
    numbers: Sequence[int],
    folder: Path,
    *,
    poses: int,
    steps: int,
    seed: int,
    on_part: Callable[[int, int], None] | None = None,
) -> KeptTensors:
    """Poses (poses, atoms, 3) in the graph's frame by number of the complex; one that fails is left out and logged.

    Args:
        models: score model, prior and, where the shards hold heavy atoms, pose expert; a confidence model is not used.
        dataset: the complexes.
        numbers: which of them.
        folder: gets one file per part; files made with the same weights and settings are reused.
        poses: samples per complex.
        steps: reverse steps.
        seed: of the samples.
        on_part: called with (finished parts, all parts).
    """
    models = replace(for_shards(models, dataset), confidence=None)
    config = models.config
    sampler = replace(config.sampler, steps=steps)
    settings = DockingSettings(
        num_poses=poses,
        seed=seed,
        batch_size=poses,
        sampler=sampler,
        latent_inverse_temperature=config.latent_inverse_temperature,
        guidance=config.guidance,
    )
    made_with = {
        "poses": poses,
        "seed": seed,
        "sampler": to_dict(sampler),
        "guidance": to_dict(config.guidance),
        "inverse_temperature": config.latent_inverse_temperature,
        "weights": part_hashes(models, ("score", "prior") if models.expert is None else ("score", "prior", "expert")),
    }

    def compute(number: int) -> Tensor | None:
        example = dataset[number]
        try:
            docked = dock(models, example.graph, settings, name=example.name)
        except NumericsError as error:
            logger.warning("%s left out: %s", example.name, error)
            return None
        return torch.from_numpy(docked.pos - example.graph.origin).float()

    return compute_kept(dataset, numbers, folder, made_with, compute, on_part)
