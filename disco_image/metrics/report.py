"""All measurements of a checkpoint against its images, and the pictures that go with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from disco_dock.latents.metrics import code_usage, perplexity
from disco_dock.runtime.distributed import from_first, processes
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.files import atomic_write
from disco_image.data.batches import ImageBatches
from disco_image.metrics.by_level import loss_by_level, path_by_level
from disco_image.metrics.plots import line_plot
from disco_image.metrics.samples import (
    EvaluateConfig,
    Watch,
    image_features,
    image_order,
    no_progress,
    real_statistics,
    sample_statistics,
)
from disco_image.metrics.statistics import SetStatistics, compare, set_statistics
from disco_image.models.checkpoint import ImageModels
from disco_image.sampling.generate import SampleConfig, infer_latents
from disco_image.sampling.grids import write_grid

CHUNK = 256
PROBES = 32
CODE_COLUMNS = 8
CODE_IMAGES = 50_000
"""Images whose codes are counted at most."""


def evaluate_images(
    models: ImageModels,
    batches: ImageBatches,
    sampling: SampleConfig,
    config: EvaluateConfig,
    out: Path,
    progress: Watch | None = None,
) -> dict[str, Any]:
    """Measurements by name; also written to `report.json`, with plots and grids beside it.

    Images and samples are held 256 at a time; the processes that torchrun started share both.

    Args:
        models: with encoder, unless plain.
        batches: the images that samples are compared with.
        sampling: how samples are made.
        config: what is measured.
        out: folder of the report.
        progress: shows what is being done, or None.

    Raises:
        InputError: the images have another size than the model's.
    """
    info, shape = batches.source.info, models.config
    if (info.channels, info.resolution) != (shape.channels, shape.resolution):
        raise InputError(
            f"{info.name}: {info.channels} x {info.resolution} x {info.resolution} images, the model makes "
            f"{shape.channels} x {shape.resolution} x {shape.resolution}; give --data of that size"
        )
    watch = progress or no_progress
    features, name, accuracy = image_features(config, batches, models.device)
    real = real_statistics(config, features, batches, watch)
    made, first = sample_statistics(models, batches, sampling, config, features, watch)
    report: dict[str, Any] = {
        "samples": config.count,
        "real_images": real.count if isinstance(real, SetStatistics) else "reference",
        "latents": "none" if models.config.latents.kind == "none" else config.latents,
        **compare(real, made, name),
    }
    if accuracy is not None:
        report["feature_classifier_accuracy"] = accuracy
    if config.by_steps:
        report["frechet_by_steps"] = {}
        for steps in config.by_steps:
            fewer, _ = sample_statistics(models, batches, _with_steps(sampling, steps), config, features, watch)
            report["frechet_by_steps"][steps] = compare(real, fewer, name)[name]
    if processes().first:
        out.mkdir(parents=True, exist_ok=True)
        write_grid(out / "samples.png", first)
        report |= _levels(models, batches, config, out)
        if models.config.latents.kind == "discrete":
            report |= _codes(models, batches, out)
        with atomic_write(out / "report.json", "w") as handle:
            json.dump(report, handle, indent=1)
    return from_first(report)


def compare_sets(
    made: ImageBatches,
    batches: ImageBatches,
    config: EvaluateConfig,
    device: torch.device,
    progress: Watch | None = None,
) -> dict[str, Any]:
    """Distances of one set of images to another, by name.

    Raises:
        InputError: the sets have images of different sizes.
    """
    a, b = made.source.info, batches.source.info
    if (a.channels, a.resolution) != (b.channels, b.resolution):
        raise InputError(f"{a.name} has {a.channels} x {a.resolution} images, {b.name} {b.channels} x {b.resolution}")
    watch = progress or no_progress
    features, name, _ = image_features(config, batches, device)
    with watch(a.name, a.count) as advance:
        ours = set_statistics(features, a.count, made.stack, advance)
    real = real_statistics(config, features, batches, watch)
    return {"images": a.count, **compare(real, ours, name)}


def reference_of(batches: ImageBatches, config: EvaluateConfig, device: torch.device, progress: Watch | None = None):
    """Moments of the features of a set, for `write_reference`."""
    features, _, _ = image_features(config, batches, device)
    with (progress or no_progress)("images", batches.source.info.count) as advance:
        return set_statistics(features, batches.source.info.count, batches.stack, advance).moments


def _with_steps(sampling: SampleConfig, steps: int) -> SampleConfig:
    return replace(sampling, solver=replace(sampling.solver, steps=steps))


def _inferred(models: ImageModels, batches: ImageBatches, rows: Sequence[int]) -> Tensor | None:
    """Latents that the encoder infers of some images."""
    if models.config.latents.kind == "none":
        return None
    parts = []
    for begin in range(0, len(rows), CHUNK):
        chosen = list(rows[begin : begin + CHUNK])
        labels = batches.classes(chosen) if models.config.num_classes else None
        part = infer_latents(models, batches.stack(chosen), labels, chosen)
        assert part is not None
        parts.append(part)
    return torch.cat(parts)


def _levels(models: ImageModels, batches: ImageBatches, config: EvaluateConfig, out: Path) -> dict[str, Any]:
    """Loss, curvature and Jacobian by level, with their plots."""
    rows = image_order(batches.source.info.count, config.level_images)
    labels = batches.classes(rows) if models.config.num_classes else None
    latents = _inferred(models, batches, rows)
    losses = loss_by_level(models, batches.stack(rows), latents, labels)
    chosen = None if labels is None else labels[:PROBES]
    paths = path_by_level(models, rows[:PROBES], None if latents is None else latents[:PROBES], chosen)
    sigma = [row["sigma"] for row in losses]
    lines = {name: (sigma, [row[name] for row in losses]) for name in losses[0] if name != "sigma"}
    line_plot(out / "loss.png", lines, x="sigma", y="weighted squared error", log_x=True)
    for name in ("curvature", "jacobian_per_dimension"):
        line = {name: ([row["sigma"] for row in paths], [row[name] for row in paths])}
        line_plot(out / f"{name}.png", line, x="sigma", y=name.replace("_", " "), log_x=True, log_y=True)
    return {"loss_by_level": losses, "path_by_level": paths}


def _codes(models: ImageModels, batches: ImageBatches, out: Path) -> dict[str, Any]:
    """Use of each code, and for each latent a grid of images by code (a row per code, the most used first)."""
    count = batches.source.info.count
    rows = sorted(image_order(count, min(count, CODE_IMAGES)))
    latents = _inferred(models, batches, rows)
    assert latents is not None
    index = latents.argmax(-1).cpu()
    usage = code_usage(index, models.config.latents.vocab_size)
    for number in range(min(4, index.shape[1])):
        lines = []
        for code in usage[number].argsort(descending=True)[:12].tolist():
            members = (index[:, number] == code).nonzero().flatten()[:CODE_COLUMNS].tolist()
            if members:
                shown = torch.full((CODE_COLUMNS, *models.config.image_shape), -1.0)
                shown[: len(members)] = batches.stack([rows[member] for member in members])
                lines.append(shown)
        write_grid(out / f"codes-latent-{number}.png", torch.cat(lines), CODE_COLUMNS)
    return {"code_perplexity": perplexity(usage).tolist(), "codes_used": (usage > 0).sum(-1).tolist()}
