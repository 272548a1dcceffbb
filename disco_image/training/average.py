"""Averages that a run stored at its ticks, and averages of other lengths made from them (post-hoc EMA)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from disco_dock.runtime.checkpoint import load_into, load_metadata, load_weights, save_weights
from disco_dock.runtime.errors import CheckpointError
from disco_dock.runtime.power_ema import PowerAverages, combination, power_of_width
from disco_image.models.checkpoint import FOLDER, MAX_BYTES, ImageModels, load_models, save_part
from disco_image.models.denoiser import DenoiserWithEncoder
from disco_image.training.half_life import HalfLifeAverage

AVERAGES = "averages"
HALF_LIFE = "half-life"


@dataclass(frozen=True)
class Stored:
    """A stored average: its file, the updates it ends at, its relative width and the images seen until then.

    The width is None for an average with a half-life. Images are 0 in files of older versions.
    """

    path: Path
    updates: int
    width: float | None
    images: int


def store_averages(
    out: Path, averages: PowerAverages | HalfLifeAverage, widths: Sequence[float], batch_size: int
) -> None:
    """Keep the averages of this moment in the run's folder.

    Args:
        out: folder of the run.
        averages: of encoder and denoiser.
        widths: of power-function averages.
        batch_size: images of an update, over all processes.
    """
    facts = {"updates": averages.updates, "images": averages.updates * batch_size}
    power = isinstance(averages, PowerAverages)
    kept = zip(widths, averages.shadows, strict=True) if power else [(None, averages.shadow)]
    for width, shadow in kept:
        name = f"{averages.updates:08d}-{HALF_LIFE if width is None else format(width, 'g')}.safetensors"
        save_weights(out / AVERAGES / name, shadow, {**facts, "width": width})


def stored_averages(out: Path) -> list[Stored]:
    """The averages in a run's folder, in the order of their updates.

    Raises:
        CheckpointError: there are none.
    """
    found = []
    for path in sorted((out / AVERAGES).glob("*.safetensors")):
        metadata = load_metadata(path)
        width = metadata["width"]
        width = None if width is None else float(width)
        found.append(Stored(path, int(metadata["updates"]), width, int(metadata.get("images", 0))))
    if not found:
        raise CheckpointError(
            f"{out / AVERAGES}: no stored averages; train with --set denoiser.ema_snapshots=true, which keeps them at "
            "every tick"
        )
    return found


def averaged(stored: Sequence[Stored], width: float) -> dict[str, Tensor]:
    """Weights averaged over a relative width up to the last of some stored averages.

    Args:
        stored: power-function averages, from `stored_averages`.
        width: standard deviation of the averaging profile as a share of the training.

    Raises:
        CheckpointError: averages with a half-life have no other widths.
        ValueError: no such width.

    Source: Karras et al. 2024 (arXiv:2312.02696), sec. 3.2.
    """
    power = power_of_width(width)
    widths = [item.width for item in stored]
    if None in widths:
        raise CheckpointError(
            f"{stored[0].path.parent}: averages with a half-life have no other widths; train with "
            "denoiser.ema_half_life=0"
        )
    powers = [power_of_width(item) for item in widths if item is not None]
    weights = combination(powers, [item.updates for item in stored], power, stored[-1].updates)
    total: dict[str, Tensor] = {}
    for weight, item in zip(weights.tolist(), stored, strict=True):
        for name, value in load_weights(item.path, MAX_BYTES)[0].items():
            total[name] = total.get(name, torch.zeros_like(value, dtype=torch.float64)) + weight * value.double()
    return {name: value.float() for name, value in total.items()}


def networks_of(run: ImageModels, tensors: dict[str, Tensor], where: str) -> DenoiserWithEncoder:
    """Denoiser and encoder with the weights of an average, and what is constant in the run's networks.

    Raises:
        CheckpointError: they are of another model.
    """
    model = DenoiserWithEncoder(run.config)
    constant = {f"denoiser.{name}": value for name, value in run.denoiser.named_buffers()}
    load_into(model, {**constant, **tensors}, where=where)
    return model


def export_networks(target: Path, model: DenoiserWithEncoder, facts: dict[str, Any], prior: Path | None = None) -> Path:
    """Write the checkpoint of some networks and copy the prior that goes with them; returns its folder."""
    save_part(target, "denoiser", model.denoiser, model.config, facts)
    if model.encoder is not None:
        save_part(target, "encoder", model.encoder, model.config, facts)
    if prior is not None:
        shutil.copyfile(prior, target / "prior.safetensors")
    return target


def average_after(out: Path, width: float) -> Path:
    """Write a checkpoint with the weights averaged over a relative width; returns its folder.

    Args:
        out: folder of the run.
        width: standard deviation of the averaging profile as a share of the training.

    Raises:
        CheckpointError: the run stored no averages.
        ValueError: no such width.
    """
    tensors = averaged(stored_averages(out), width)
    models = load_models(out, torch.device("cpu"))
    model = networks_of(models, tensors, str(out / AVERAGES))
    prior = out / FOLDER / "prior.safetensors"
    facts = {**models.facts["denoiser"], "average_width": width}
    return export_networks(out / f"{FOLDER}-{width:g}", model, facts, prior if prior.exists() else None)
