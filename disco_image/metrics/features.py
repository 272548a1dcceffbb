"""Features of images: the standard Inception network where its weights are given, else a small network trained here."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from disco_dock.runtime.checkpoint import load_into, load_weights, save_weights
from disco_dock.runtime.errors import ConfigError, InputError
from disco_dock.runtime.files import cache_dir
from disco_dock.runtime.random import generator
from disco_image.data.batches import to_pixels

logger = logging.getLogger(__name__)
Features = Callable[[Tensor], Tensor]
"""Images (batch, channels, height, width) in [-1, 1] -> features (batch, features)."""
WIDTH = 128
INCEPTION_FEATURES = "2048"


class SmallClassifier(nn.Module):
    """A convolution network whose last hidden layer (128 numbers) is a feature of the image.

    Args:
        channels: of the images.
        resolution: of the images, at least 8.
        classes: that it tells apart.
    """

    def __init__(self, channels: int, resolution: int, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        now, width, size = channels, 32, resolution
        while size > 4:
            layers += [nn.Conv2d(now, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.AvgPool2d(2)]
            now, width, size = width, min(2 * width, WIDTH), size // 2
        layers += [nn.Conv2d(now, WIDTH, 3, padding=1), nn.BatchNorm2d(WIDTH), nn.ReLU()]
        self.body, self.head = nn.Sequential(*layers), nn.Linear(WIDTH, classes)

    def features(self, images: Tensor) -> Tensor:
        """(batch, 128) of images in [-1, 1]."""
        return self.body(images).mean((2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """(batch, classes) logits."""
        return self.head(self.features(images))


def train_classifier(
    images: Tensor, labels: Tensor, classes: int, *, steps: int, seed: int = 0, batch_size: int = 128
) -> tuple[SmallClassifier, float]:
    """A classifier of the images, and its accuracy on the tenth of them that it did not see.

    Args:
        images: (count, channels, resolution, resolution) in [-1, 1].
        labels: (count,).
        classes: number of them.
        steps: of Adam with a cosine rate.
        seed: of weights and order.
        batch_size: images per step.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SmallClassifier(images.shape[1], images.shape[2], classes)
    stream = generator("classifier", seed)
    order = torch.randperm(len(images), generator=stream)
    held, used = order[: len(order) // 10], order[len(order) // 10 :]
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        rows = used[torch.randint(len(used), (batch_size,), generator=stream)]
        loss = F.cross_entropy(network(images[rows]), labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    network.eval()
    with torch.no_grad():
        accuracy = float((in_batches(network, images[held]).argmax(1) == labels[held]).double().mean())
    return network.requires_grad_(False), accuracy


@torch.no_grad()
def in_batches(network: Features, images: Tensor, batch_size: int = 256) -> Tensor:
    """The network's output on the images, on the CPU."""
    return torch.cat([network(part).float().cpu() for part in images.split(batch_size)])


def classifier_path(images: Tensor, labels: Tensor, classes: int, *, steps: int) -> Path:
    """Where the classifier of these images is kept: in the user's cache, under all that decides what it learns.

    Args:
        images: (count, channels, resolution, resolution) in [-1, 1].
        labels: (count,).
        classes: number of them.
        steps: of its training.
    """
    facts = {"version": 1, "classes": classes, "steps": steps, "shape": list(images.shape), "width": WIDTH}
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    digest.update(to_pixels(images).numpy().tobytes())
    digest.update(labels.numpy().tobytes())
    return cache_dir() / "image-features" / f"{digest.hexdigest()[:32]}.safetensors"


def cached_classifier(
    path: Path, images: Tensor, labels: Tensor, classes: int, *, steps: int
) -> tuple[SmallClassifier, float]:
    """The classifier stored at a path, trained and stored where it is absent; with its held-out accuracy."""
    if path.exists():
        tensors, metadata = load_weights(path)
        network = SmallClassifier(images.shape[1], images.shape[2], classes)
        load_into(network, tensors, where=str(path))
        return network.eval().requires_grad_(False), float(metadata["accuracy"])
    logger.info("training the feature network of the Frechet distance (%d steps)", steps)
    network, accuracy = train_classifier(images, labels, classes, steps=steps)
    save_weights(path, network.state_dict(), {"accuracy": accuracy, "steps": steps})
    return network, accuracy


def inception_features(weights: Path, device: torch.device) -> Features:
    """The 2048 pooled features of the Inception network of FID.

    Args:
        weights: `weights-inception-2015-12-05-6726825d.pth` of torch-fidelity.
        device: to run on.

    Raises:
        ConfigError: torch-fidelity is not installed.
        InputError: the file is absent or not these weights.
    """
    if not weights.is_file():
        raise InputError(f"{weights}: no such file; give the Inception weights of torch-fidelity")
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import (  # pyright: ignore[reportMissingImports]
            FeatureExtractorInceptionV3,
        )
    except ImportError:
        raise ConfigError("FID needs torch-fidelity; pip install torch-fidelity, or leave --weights out") from None
    try:
        torch.load(weights, map_location="cpu", weights_only=True)  # torch-fidelity would run whatever is pickled
        network = FeatureExtractorInceptionV3("inception", [INCEPTION_FEATURES], str(weights))
    except (RuntimeError, KeyError, OSError, EOFError, UnpicklingError) as error:
        first = str(error).splitlines()[0]
        raise InputError(f"{weights}: not the Inception weights of torch-fidelity ({first})") from error
    network = network.to(device).eval()

    def features(images: Tensor) -> Tensor:
        pixels = to_pixels(images.expand(-1, 3, -1, -1)).to(device)
        return network(pixels)[0]

    return features
