"""What a run shows while it trains: samples of the averaged weights from the same noise every time."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from disco_image.data.batches import ImageBatches
from disco_image.models.checkpoint import ImageModels
from disco_image.models.denoiser import DenoiserWithEncoder
from disco_image.sampling.generate import SampleConfig, generate, infer_latents
from disco_image.sampling.grids import write_grid

GRID_IMAGES = 64


class TickGrids:
    """Writes `grids/step-<n>.png`, from fixed noise and the latents of fixed training images (in `grids/images.png`).

    Args:
        folder: of the run.
        batches: the training images.
        sampling: how the samples are made.
    """

    def __init__(self, folder: Path, batches: ImageBatches, sampling: SampleConfig) -> None:
        self.folder, self.sampling = folder / "grids", sampling
        count = min(GRID_IMAGES, batches.source.info.count)
        spacing = batches.source.info.count // count
        self.indices = [place * spacing for place in range(count)]
        self.images = batches.stack(self.indices)
        labels = batches.labels(self.indices)
        self.labels: Tensor | None = None if labels is None else labels.argmax(1)
        write_grid(self.folder / "images.png", self.images)

    def write(self, model: DenoiserWithEncoder, step: int, device: torch.device) -> Path:
        """Sample with the model's present weights; returns the file."""
        training = model.training
        model.eval()
        models = ImageModels(model.config, model.denoiser, model.encoder, None, {}, device)
        seeds = list(range(len(self.indices)))
        latents = infer_latents(models, self.images, self.labels, seeds)
        samples = generate(models, seeds, self.sampling, latents=latents, labels=self.labels)
        path = self.folder / f"step-{step:07d}.png"
        write_grid(path, samples)
        model.train(training)
        return path
