"""Weights averaged over another length than the run's own, from the averages that it stored (post-hoc EMA)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from disco_dock.runtime.checkpoint import load_into, load_weights
from disco_dock.runtime.errors import CheckpointError
from disco_dock.runtime.power_ema import combination, power_of_width
from disco_image.models.checkpoint import FOLDER, MAX_BYTES, load_models, read_part, save_part
from disco_image.models.denoiser import DenoiserWithEncoder


@dataclass(frozen=True)
class Stored:
    """A stored average: its file, the updates it ends at and its relative width."""

    path: Path
    updates: int
    width: float


def stored_averages(out: Path) -> list[Stored]:
    """The averages in a run's folder, in the order of their updates.

    Raises:
        CheckpointError: there are none.
    """
    found = []
    for path in sorted((out / "averages").glob("*.safetensors")):
        metadata = load_weights(path, MAX_BYTES)[1]
        found.append(Stored(path, int(metadata["updates"]), float(metadata["width"])))
    if not found:
        raise CheckpointError(f"{out / 'averages'}: no stored averages; train with denoiser.ema_snapshots=true")
    return found


def average_after(out: Path, width: float) -> Path:
    """Write a checkpoint with the weights averaged over a relative width; returns its folder.

    Args:
        out: folder of the run.
        width: standard deviation of the averaging profile as a share of the training.

    Raises:
        CheckpointError: the run stored no averages.
        ValueError: no such width.

    Source: Karras et al. 2024 (arXiv:2312.02696), sec. 3.2.
    """
    stored = stored_averages(out)
    end = stored[-1].updates
    powers = [power_of_width(item.width) for item in stored]
    weights = combination(powers, [item.updates for item in stored], power_of_width(width), end)
    total: dict[str, Tensor] = {}
    for weight, item in zip(weights.tolist(), stored, strict=True):
        for name, value in load_weights(item.path, MAX_BYTES)[0].items():
            total[name] = total.get(name, torch.zeros_like(value, dtype=torch.float64)) + weight * value.double()
    models = load_models(out, torch.device("cpu"))
    model = DenoiserWithEncoder(models.config)
    load_into(model, {name: value.float() for name, value in total.items()}, where=str(out / "averages"))
    target = out / f"{FOLDER}-{width:g}"
    facts = {**models.facts["denoiser"], "average_width": width}
    save_part(target, "denoiser", model.denoiser, models.config, facts)
    if model.encoder is not None:
        save_part(target, "encoder", model.encoder, models.config, facts)
    if models.prior is not None:
        prior = read_part(out / FOLDER / "prior.safetensors", "prior")[1]
        save_part(target, "prior", models.prior, models.prior.config, prior["facts"])
    return target
