"""Poses docked with a checkpoint for many complexes, kept in parts so that a killed run goes on."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from disco_dock.data.dataset import ComplexDataset
from disco_dock.models.build import Models
from disco_dock.runtime.checkpoint import load_weights, save_weights
from disco_dock.runtime.config import to_dict
from disco_dock.runtime.errors import NumericsError
from disco_dock.sampling.docking import DockingSettings, dock
from disco_dock.training.earlier_stages import part_hashes

logger = logging.getLogger(__name__)
PART_SIZE = 16  # complexes


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
) -> dict[int, Tensor]:
    """Poses (poses, atoms, 3) in the graph's frame by number of the complex; one that fails is left out and logged.

    Args:
        models: score model and prior; a confidence model is not used.
        dataset: the complexes.
        numbers: which of them.
        folder: gets one file per part; files made with the same weights and settings are reused.
        poses: samples per complex.
        steps: reverse steps.
        seed: of the samples.
        on_part: called with (finished parts, all parts).
    """
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
    common = {
        "poses": poses,
        "seed": seed,
        "sampler": to_dict(sampler),
        "guidance": to_dict(config.guidance),
        "inverse_temperature": config.latent_inverse_temperature,
        "weights": part_hashes(models, ("score", "prior")),
    }
    models = replace(models, confidence=None)
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[int, Tensor] = {}
    starts = range(0, len(numbers), PART_SIZE)
    for done, start in enumerate(starts, start=1):
        part = list(numbers[start : start + PART_SIZE])
        path = folder / f"poses-{start // PART_SIZE:04d}.safetensors"
        made_with = json.loads(json.dumps({"ids": [dataset.ids[i] for i in part], **common}))
        tensors = _reuse(path, made_with)
        if tensors is None:
            tensors = {}
            for number in part:
                example = dataset[number]
                try:
                    docked = dock(models, example.graph, settings, name=example.name)
                except NumericsError as error:
                    logger.warning("%s left out: %s", example.name, error)
                    continue
                tensors[example.name] = torch.from_numpy(docked.pos - example.graph.origin).float()
            save_weights(path, tensors, made_with)
        found |= {number: tensors[dataset.ids[number]] for number in part if dataset.ids[number] in tensors}
        if on_part is not None:
            on_part(done, len(starts))
    return found


def _reuse(path: Path, made_with: dict) -> dict[str, Tensor] | None:
    """The tensors of a part that was made with the same settings."""
    if not path.exists():
        return None
    tensors, metadata = load_weights(path)
    same = all(metadata.get(key) == value for key, value in made_with.items())
    return tensors if same else None
