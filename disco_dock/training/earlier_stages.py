"""What a stage takes over from the stages before it, and the check that those have not changed since."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from disco_dock.data.dataset import ComplexDataset
from disco_dock.runtime.errors import CheckpointError
from disco_dock.runtime.files import atomic_write, sha256_file
from disco_dock.runtime.loop import STATE_FILE
from disco_dock.weights.networks import Models, part_file

logger = logging.getLogger(__name__)
INPUTS_FILE = "inputs.json"


@torch.no_grad()
def copy_matching(source: nn.Module, target: nn.Module) -> int:
    """Number of tensors of `target` that were set to those of `source`; all whose name and shape agree are."""
    given, kept = source.state_dict(), target.state_dict()
    same = {name: given[name] for name, value in kept.items() if name in given and given[name].shape == value.shape}
    target.load_state_dict({**kept, **same})
    return len(same)


def part_hashes(models: Models, parts: Sequence[str]) -> dict[str, str]:
    """SHA-256 of the weights of those parts that the checkpoint has."""
    return {
        part: sha256_file(part_file(models.directory, part, models.config))
        for part in parts
        if getattr(models.config, part) is not None
    }


def require_same_inputs(folder: Path, inputs: Mapping[str, str]) -> None:
    """Remember the weights that a stage builds on; a training state made with others is not resumed.

    Args:
        folder: of the stage.
        inputs: from `part_hashes`.

    Raises:
        CheckpointError: the folder's training state was made with other weights.
    """
    path = folder / INPUTS_FILE
    if (folder / STATE_FILE).exists() and path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
        changed = [part for part in inputs if known.get(part) != inputs[part]]
        if changed:
            raise CheckpointError(
                f"{folder}: this stage was trained on other weights of {' and '.join(changed)}; "
                "delete the folder to train it again"
            )
        return
    with atomic_write(path, "w") as handle:
        json.dump(dict(inputs), handle, indent=2)


def for_shards(models: Models, dataset: ComplexDataset) -> Models:
    """The models that can dock what the shards hold: without the pose expert where they hold no heavy atoms."""
    if models.expert is None or not len(dataset) or dataset[0].graph.heavy_atoms is not None:
        return models
    logger.info("the shards hold C-alpha atoms only, so poses are sampled without the checkpoint's pose expert")
    return replace(models, expert=None)
