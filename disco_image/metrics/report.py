"""All measurements of a checkpoint against its images, and the pictures that go with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from disco_dock.latents.metrics import code_usage, perplexity
from disco_dock.runtime.errors import ConfigError, InputError
from disco_dock.runtime.files import atomic_write
from disco_image.data.batches import ImageBatches
from disco_image.data.source import SourceInfo
from disco_image.metrics.by_level import loss_by_level, path_by_level
from disco_image.metrics.distances import frechet_distance, kernel_distance, moments, precision_recall
from disco_image.metrics.features import Features, cached_classifier, classifier_path, in_batches, inception_features
from disco_image.metrics.plots import line_plot
from disco_image.models.checkpoint import ImageModels
from disco_image.sampling.generate import SampleConfig, class_labels, draw_latents, generate, infer_latents
from disco_image.sampling.grids import write_grid

CHUNK = 256
PROBES = 32
CODE_COLUMNS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateConfig:
    """What is measured, and on how many images.

    Attributes:
        count: samples that are made; FID is usual at 50,000.
        latents: ``prior``, ``oracle`` (inferred from training images) or ``null``.
        weights: Inception weights for FID; empty for a distance on features of a classifier trained on the same images.
        feature_steps: of training that classifier.
        level_images: images for the loss by level.
        by_steps: numbers of Heun steps at which the distance is measured too.
    """

    count: int = 1024
    latents: Literal["prior", "oracle", "null"] = "prior"
    weights: str = ""
    feature_steps: int = 600
    level_images: int = 256
    by_steps: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.count < 2 or self.feature_steps < 1 or self.level_images < 1:
            raise ConfigError("evaluation needs count >= 2, feature_steps >= 1 and level_images >= 1")


def evaluate_images(
    models: ImageModels, batches: ImageBatches, sampling: SampleConfig, config: EvaluateConfig, out: Path
) -> dict[str, Any]:
    """Measurements by name; also written to `report.json`, with plots and grids beside it.

    Args:
        models: with encoder, unless plain.
        batches: the images that samples are compared with.
        sampling: how samples are made.
        config: what is measured.
        out: folder of the report.

    Raises:
        InputError: the images have another size than the model's.
    """
    info, shape = batches.source.info, models.config
    if (info.channels, info.resolution) != (shape.channels, shape.resolution):
        raise InputError(
            f"{info.name}: {info.channels} x {info.resolution} x {info.resolution} images, the model makes "
            f"{shape.channels} x {shape.resolution} x {shape.resolution}; set --resolution"
        )
    real = batches.stack(list(range(info.count)))
    classes = torch.tensor([batches.source.label(index) for index in range(info.count)])
    features, name, accuracy = _features(config, real, classes, info, models.device)
    real_features = in_batches(features, real)
    seeds = list(range(config.count))
    labels = class_labels(models, seeds)
    latents = _latents(models, config, sampling, real, classes, seeds, labels)
    if config.latents == "oracle" and labels is not None:
        labels = classes[_oracle_rows(len(real), config.count)]
    samples = _samples(models, config, sampling, seeds, latents, labels)
    made = in_batches(features, samples)
    half = real_features[torch.randperm(len(real), generator=torch.Generator().manual_seed(0))].chunk(2)
    precision, recall = precision_recall(real_features, made)
    report: dict[str, Any] = {
        "samples": config.count,
        "real_images": info.count,
        "latents": "none" if models.config.latents.kind == "none" else config.latents,
        name: frechet_distance(moments(real_features), moments(made)),
        f"{name} between halves of the images": frechet_distance(moments(half[0]), moments(half[1])),
        "kernel_distance": kernel_distance(real_features, made),
        "precision": precision,
        "recall": recall,
    }
    if accuracy is not None:
        report["feature_classifier_accuracy"] = accuracy
    if config.by_steps:
        report["frechet_by_steps"] = {
            steps: frechet_distance(
                moments(real_features),
                moments(
                    in_batches(features, _samples(models, config, _with_steps(sampling, steps), seeds, latents, labels))
                ),
            )
            for steps in config.by_steps
        }
    out.mkdir(parents=True, exist_ok=True)
    write_grid(out / "samples.png", samples[:64])
    report |= _levels(models, real, classes, config, out)
    if models.config.latents.kind == "discrete":
        report |= _codes(models, real, classes, out)
    with atomic_write(out / "report.json", "w") as handle:
        json.dump(report, handle, indent=1)
    return report


def _with_steps(sampling: SampleConfig, steps: int) -> SampleConfig:
    return replace(sampling, solver=replace(sampling.solver, steps=steps))


def _features(
    config: EvaluateConfig, real: Tensor, classes: Tensor, info: SourceInfo, device: torch.device
) -> tuple[Features, str, float | None]:
    """The features, the name of the Frechet distance on them, and the accuracy of a classifier trained here."""
    if config.weights:
        return inception_features(Path(config.weights), device), "FID", None
    if not info.classes:
        raise ConfigError("images without classes have no classifier to take features from; give --weights for FID")
    count, steps = len(info.classes), config.feature_steps
    path = classifier_path(real, classes, count, steps=steps)
    network, accuracy = cached_classifier(path, real, classes, count, steps=steps)
    return network.features, "frechet_classifier_distance", accuracy


def _oracle_rows(images: int, count: int) -> list[int]:
    """Which training images give their latents: a fixed random order, repeated where there are too few."""
    order = torch.randperm(images, generator=torch.Generator().manual_seed(1)).tolist()
    return [order[place % images] for place in range(count)]


def _latents(
    models: ImageModels,
    config: EvaluateConfig,
    sampling: SampleConfig,
    real: Tensor,
    classes: Tensor,
    seeds: list[int],
    labels: Tensor | None,
) -> Tensor | None:
    if models.config.latents.kind == "none" or config.latents == "null":
        return None
    if config.latents == "oracle":
        rows = _oracle_rows(len(real), config.count)
        return _inferred(models, real[rows], None if labels is None else classes[rows], seeds)
    parts = []
    for begin in range(0, len(seeds), CHUNK):
        chosen = None if labels is None else labels[begin : begin + CHUNK]
        part = draw_latents(models, seeds[begin : begin + CHUNK], chosen, sampling.inverse_temperature)
        assert part is not None
        parts.append(part)
    return torch.cat(parts)


def _inferred(models: ImageModels, images: Tensor, classes: Tensor | None, seeds: Sequence[int]) -> Tensor | None:
    if models.config.latents.kind == "none":
        return None
    parts = []
    for begin in range(0, len(images), CHUNK):
        rows = slice(begin, begin + CHUNK)
        part = infer_latents(models, images[rows], None if classes is None else classes[rows], seeds[rows])
        assert part is not None
        parts.append(part)
    return torch.cat(parts)


def _samples(
    models: ImageModels,
    config: EvaluateConfig,
    sampling: SampleConfig,
    seeds: list[int],
    latents: Tensor | None,
    labels: Tensor | None,
) -> Tensor:
    keep_none = config.latents == "null" and models.config.latents.kind != "none"
    if not keep_none:
        return generate(models, seeds, sampling, latents=latents, labels=labels)
    shape = models.config.latents.shape()
    return generate(models, seeds, sampling, latents=torch.zeros(len(seeds), *shape), labels=labels, keep_latents=False)


def _levels(models: ImageModels, real: Tensor, classes: Tensor, config: EvaluateConfig, out: Path) -> dict[str, Any]:
    """Loss, curvature and Jacobian by level, with their plots."""
    rows = _oracle_rows(len(real), config.level_images)
    labels = classes[rows] if models.config.num_classes else None
    latents = _inferred(models, real[rows], labels, rows)
    losses = loss_by_level(models, real[rows], latents, labels)
    chosen = None if labels is None else labels[:PROBES]
    paths = path_by_level(models, rows[:PROBES], None if latents is None else latents[:PROBES], chosen)
    sigma = [row["sigma"] for row in losses]
    lines = {name: (sigma, [row[name] for row in losses]) for name in losses[0] if name != "sigma"}
    line_plot(out / "loss.png", lines, x="sigma", y="weighted squared error", log_x=True)
    for name in ("curvature", "jacobian_per_dimension"):
        line = {name: ([row["sigma"] for row in paths], [row[name] for row in paths])}
        line_plot(out / f"{name}.png", line, x="sigma", y=name.replace("_", " "), log_x=True, log_y=True)
    return {"loss_by_level": losses, "path_by_level": paths}


def _codes(models: ImageModels, real: Tensor, classes: Tensor, out: Path) -> dict[str, Any]:
    """Use of each code, and for each latent a grid of images by code (a row per code, the most used first)."""
    labels = classes if models.config.num_classes else None
    latents = _inferred(models, real, labels, range(len(real)))
    assert latents is not None
    index = latents.argmax(-1).cpu()
    usage = code_usage(index, models.config.latents.vocab_size)
    for number in range(min(4, index.shape[1])):
        rows = []
        for code in usage[number].argsort(descending=True)[:12].tolist():
            members = (index[:, number] == code).nonzero().flatten()[:CODE_COLUMNS]
            if len(members):
                shown = torch.full((CODE_COLUMNS, *real.shape[1:]), -1.0)
                shown[: len(members)] = real[members]
                rows.append(shown)
        write_grid(out / f"codes-latent-{number}.png", torch.cat(rows), CODE_COLUMNS)
    return {"code_perplexity": perplexity(usage).tolist(), "codes_used": (usage > 0).sum(-1).tolist()}
