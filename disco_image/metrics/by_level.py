"""What depends on the noise level: loss, curvature and size of the Jacobian, on images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from disco_dock.runtime.random import generator
from disco_image.metrics.trajectories import curvature, jacobian_square_estimate, record_path
from disco_image.models.checkpoint import ImageModels
from disco_image.processes.levels import edm_weight
from disco_image.processes.noise import rho_grid, unit_noise
from disco_image.sampling.guided import latent_denoise
from disco_image.sampling.streams import SeedStreams

LEVELS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
PATH_STEPS = 18
PROBES = 4
RELATIVE_STEP = 1e-2
"""Step of the curvature's finite difference over sigma; the paper's 0.001 drowns in float32 at sigma = 50."""


@torch.no_grad()
def loss_by_level(
    models: ImageModels, images: Tensor, latents: Tensor | None, labels: Tensor | None, levels: Sequence[float] = LEVELS
) -> list[dict[str, float]]:
    """EDM-weighted squared error per pixel at each level, with latents and with the null embedding.

    Args:
        models: the networks.
        images: (count, channels, resolution, resolution), clean.
        latents: of the images, or None for a plain model.
        labels: (count,) classes, or None.
        levels: of sigma.

    Source: DisCo-Diff (arXiv:2407.03300), fig. 7.
    """
    device, config = models.device, models.config
    images = images.to(device)
    hot = None if labels is None else F.one_hot(labels, config.num_classes).float().to(device)
    rows = []
    for number, level in enumerate(levels):
        streams = SeedStreams(f"loss {number}", range(len(images)))
        noisy = images + level * unit_noise(config.process, config.image_shape, streams.normal).to(device)
        weight = float(edm_weight(torch.tensor(level), config.process.sigma_data))
        row = {"sigma": level}
        for name in ("latents", "null"):
            if latents is None and name == "null":
                continue
            keep = None if name == "latents" else torch.zeros(len(images), device=device)
            denoise = latent_denoise(models.denoiser, latents, labels=hot, keep=keep)
            error = (denoise(noisy, level) - images).square().flatten(1).mean(1)
            row[name if latents is not None else "plain"] = weight * float(error.mean())
        rows.append(row)
    return rows


def path_by_level(
    models: ImageModels,
    seeds: Sequence[int],
    latents: Tensor | None,
    labels: Tensor | None,
    keep_latents: bool = True,
) -> list[dict[str, float]]:
    """Curvature and squared Jacobian norm of the ODE's drift (per dimension) at each level of an 18-step Heun path.

    Args:
        models: the networks.
        seeds: of the noise.
        latents: (count, ...), or None for a plain model.
        labels: (count,) classes, or None.
        keep_latents: False puts the null embedding in their place.
    """
    device, config = models.device, models.config
    hot = None if labels is None else F.one_hot(labels, config.num_classes).float().to(device)
    keep = None if latents is None or keep_latents else torch.zeros(len(seeds), device=device)
    denoise = latent_denoise(models.denoiser, latents, labels=hot, keep=keep)
    grid = rho_grid(config.process, PATH_STEPS).tolist()
    noise = unit_noise(config.process, config.image_shape, SeedStreams("noise", seeds).normal).to(device)
    with torch.no_grad():
        path = record_path(denoise, noise * grid[0], grid)
    stream, rows = generator("jacobian probes"), []
    for x, level in zip(path.points[:-1], path.levels[:-1], strict=True):
        probes = torch.randn(PROBES, *x.shape, generator=stream).to(device)
        with torch.no_grad():
            bend = curvature(denoise, x, level, RELATIVE_STEP * level)
        square = jacobian_square_estimate(denoise, x, level, probes)
        rows.append(
            {
                "sigma": level,
                "curvature": float(bend.median()),
                "jacobian_per_dimension": float(square.mean()) / x[0].numel(),
            }
        )
    return rows
