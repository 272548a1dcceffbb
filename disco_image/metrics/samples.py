"""Statistics of real images and of a model's samples, on the same features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from disco_dock.runtime.distributed import processes, wait_for_all
from disco_dock.runtime.errors import ConfigError
from disco_image.data.batches import ImageBatches
from disco_image.metrics.distances import Moments
from disco_image.metrics.features import Features, cached_classifier, classifier_path, in_batches, inception_features
from disco_image.metrics.statistics import SetStatistics, read_reference, set_statistics
from disco_image.models.checkpoint import ImageModels
from disco_image.sampling.generate import SampleConfig, class_labels, draw_latents, generate, infer_latents

GRID_IMAGES = 64
CLASSIFIER_IMAGES = 50_000
"""Images that the classifier is trained on at most."""
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
        first_seed: of the samples.
        latents: ``prior``, ``oracle`` (inferred from training images) or ``null``.
        weights: Inception weights for FID; empty for a distance on features of a classifier trained on the same images.
        reference: npz of the moments of the real images' features; empty to measure the images.
        feature_steps: of training that classifier.
        level_images: images for the loss by level.
        by_steps: numbers of Heun steps at which the distance is measured too.
    """

    count: int = 1024
    first_seed: int = 0
    latents: Literal["prior", "oracle", "null"] = "prior"
    weights: str = ""
    reference: str = ""
    feature_steps: int = 600
    level_images: int = 256
    by_steps: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.first_seed < 0:
            raise ConfigError(f"seeds of samples must not be negative, got {self.first_seed}")
        if self.count < 2 or self.feature_steps < 1 or self.level_images < 1:
            raise ConfigError("evaluation needs count >= 2, feature_steps >= 1 and level_images >= 1")


def real_statistics(
    config: EvaluateConfig, features: Features, batches: ImageBatches, watch: Watch
) -> SetStatistics | Moments:
    """Statistics of the real images, or the moments of the reference that the settings name.

    Raises:
        InputError: the reference cannot be read, or an image cannot.
    """
    count = batches.source.info.count
    if config.reference:
        width = in_batches(features, batches.stack([0])).shape[1]
        return read_reference(Path(config.reference), width)
    with watch("images", count) as advance:
        return set_statistics(features, count, batches.stack, advance)


def sample_statistics(
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

    def load(places: list[int]) -> Tensor:
        seeds = [config.first_seed + place for place in places]
        labels = class_labels(models, seeds)
        rows = [order[place] for place in places]
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
        if places[0] == 0:
            first.append(images[:GRID_IMAGES])
        return images

    with watch("samples", config.count) as advance:
        made = set_statistics(features, config.count, load, advance)
    return made, torch.cat(first) if first else torch.zeros(0)


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
