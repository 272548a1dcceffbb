"""All measurements of a checkpoint against its images, and the pictures that go with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from disco_dock.latents.metrics import code_usage, perplexity
from disco_dock.runtime.distributed import from_first, processes, wait_for_all
from disco_dock.runtime.errors import ConfigError, InputError
from disco_dock.runtime.files import atomic_write
from disco_image.data.batches import ImageBatches
from disco_image.metrics.by_level import loss_by_level, path_by_level
from disco_image.metrics.distances import Moments
from disco_image.metrics.features import Features, cached_classifier, classifier_path, in_batches, inception_features
from disco_image.metrics.plots import line_plot
from disco_image.metrics.statistics import SetStatistics, compare, read_reference, set_statistics
from disco_image.models.checkpoint import ImageModels
from disco_image.sampling.generate import SampleConfig, class_labels, draw_latents, generate, infer_latents
from disco_image.sampling.grids import write_grid

CHUNK = 256
PROBES = 32
CODE_COLUMNS = 8
GRID_IMAGES = 64
CLASSIFIER_IMAGES = 50_000
"""Images that the classifier is trained on at most."""
CODE_IMAGES = 50_000
"""Images whose codes are counted at most."""
Watch = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""(what, how many) -> a context that gives a function to count what is done."""


@contextmanager
def no_progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A `Watch` that shows nothing."""
    yield lambda count: None


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateConfig:
    """What is measured, and on how many images.

    Attributes:
        count: samples that are made; FID is usual at 50,000.
        latents: ``prior``, ``oracle`` (inferred from training images) or ``null``.
        weights: Inception weights for FID; empty for a distance on features of a classifier trained on the same images.
        reference: npz of the moments of the real images' features; empty to measure the images.
        feature_steps: of training that classifier.
        level_images: images for the loss by level.
        by_steps: numbers of Heun steps at which the distance is measured too.
    """

    count: int = 1024
    latents: Literal["prior", "oracle", "null"] = "prior"
    weights: str = ""
    reference: str = ""
    feature_steps: int = 600
    level_images: int = 256
    by_steps: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.count < 2 or self.feature_steps < 1 or self.level_images < 1:
            raise ConfigError("evaluation needs count >= 2, feature_steps >= 1 and level_images >= 1")


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
    real = _real(config, features, batches, watch)
    made, first = _made(models, batches, sampling, config, features, watch)
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
            fewer, _ = _made(models, batches, _with_steps(sampling, steps), config, features, watch)
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
    real = _real(config, features, batches, watch)
    return {"images": a.count, **compare(real, ours, name)}


def reference_of(batches: ImageBatches, config: EvaluateConfig, device: torch.device, progress: Watch | None = None):
    """Moments of the features of a set, for `write_reference`."""
    features, _, _ = image_features(config, batches, device)
    with (progress or no_progress)("images", batches.source.info.count) as advance:
        return set_statistics(features, batches.source.info.count, batches.stack, advance).moments


def _real(config: EvaluateConfig, features: Features, batches: ImageBatches, watch: Watch) -> SetStatistics | Moments:
    count = batches.source.info.count
    if config.reference:
        width = in_batches(features, batches.stack([0])).shape[1]
        return read_reference(Path(config.reference), width)
    with watch("images", count) as advance:
        return set_statistics(features, count, batches.stack, advance)


def _made(
    models: ImageModels,
    batches: ImageBatches,
    sampling: SampleConfig,
    config: EvaluateConfig,
    features: Features,
    watch: Watch,
) -> tuple[SetStatistics, Tensor]:
    """Statistics of samples, and the first 64 of them."""
    order = image_order(batches.source.info.count, config.count)
    first: list[Tensor] = []

    def load(seeds: list[int]) -> Tensor:
        labels = class_labels(models, seeds)
        rows = [order[seed] for seed in seeds]
        if config.latents == "oracle" and labels is not None:
            labels = batches.classes(rows)
        keep, latents = True, None
        if models.config.latents.kind != "none":
            if config.latents == "oracle":
                latents = infer_latents(models, batches.stack(rows), labels, seeds)
            elif config.latents == "prior":
                latents = draw_latents(models, seeds, labels, sampling.inverse_temperature)
            else:
                keep, latents = False, torch.zeros(len(seeds), *models.config.latents.shape())
        images = generate(models, seeds, sampling, latents=latents, labels=labels, keep_latents=keep)
        if seeds[0] == 0:
            first.append(images[:GRID_IMAGES])
        return images

    with watch("samples", config.count) as advance:
        made = set_statistics(features, config.count, load, advance)
    return made, torch.cat(first) if first else torch.zeros(0)


def _with_steps(sampling: SampleConfig, steps: int) -> SampleConfig:
    return replace(sampling, solver=replace(sampling.solver, steps=steps))


def image_features(
    config: EvaluateConfig, batches: ImageBatches, device: torch.device
) -> tuple[Features, str, float | None]:
    """The features, the name of the Frechet distance on them, and the accuracy of a classifier trained here.

    Raises:
        ConfigError: neither weights nor classes.
        InputError: the weights cannot be read.
    """
    if config.weights:
        return inception_features(Path(config.weights), device), "FID", None
    info = batches.source.info
    if not info.classes:
        raise ConfigError(
            f"{info.name}: images without classes have no classifier to take features from; give --weights for FID"
        )
    rows = sorted(image_order(info.count, min(info.count, CLASSIFIER_IMAGES)))
    images, classes = batches.stack(rows), batches.classes(rows)
    count, steps = len(info.classes), config.feature_steps
    path = classifier_path(images, classes, count, steps=steps)
    if processes().first:
        cached_classifier(path, images, classes, count, steps=steps)
    wait_for_all()
    network, accuracy = cached_classifier(path, images, classes, count, steps=steps)
    return network.features, "frechet_classifier_distance", accuracy


def image_order(images: int, count: int) -> list[int]:
    """Places of `count` images in a fixed random order, repeated where there are too few."""
    order = torch.randperm(images, generator=torch.Generator().manual_seed(1)).tolist()
    return [order[place % images] for place in range(count)]


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
