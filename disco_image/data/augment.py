"""Augmentation that the denoiser is told about, so that it does not leak into samples."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

WIDTH = 9
"""Of the augmentation label; zeros mean an image as it is."""
DRAWS = 14
"""Uniform numbers that an image takes."""


def augment(images: Tensor, uniform: Tensor, probability: float) -> tuple[Tensor, Tensor]:
    """Images moved by random affine maps, and labels (batch, 9) that say how.

    Each of six changes is made with the given probability: flips along x and y, isotropic scaling by 2^(0.2 n),
    rotation by any angle, stretching by 2^(0.2 n) along a random direction, and translation by n / 8 of the width, with
    n standard normal.

    Args:
        images: (batch, channels, height, width).
        uniform: (batch, 14) in [0, 1).
        probability: of each change.

    Source: Karras et al. 2022 (arXiv:2206.00364), app. F.2 and table 6.
    """
    applied = (uniform[:, :6] < probability).float()
    free = uniform[:, 6:].clamp(1e-6, 1 - 1e-6)
    normal = torch.special.ndtri(free)
    flip_x, flip_y = applied[:, 0], applied[:, 1]
    scale = applied[:, 2] * normal[:, 0]
    angle = applied[:, 3] * math.pi * (2 * free[:, 1] - 1)
    stretch, direction = applied[:, 4] * normal[:, 2], math.pi * (2 * free[:, 3] - 1)
    shift = applied[:, 5:6] * normal[:, 4:6] / 8
    maps = _flip(flip_x, flip_y) @ _scale(2 ** (0.2 * scale), 2 ** (0.2 * scale)) @ _rotation(angle)
    maps = maps @ _rotation(-direction) @ _scale(2 ** (0.2 * stretch), 2 ** (-0.2 * stretch)) @ _rotation(direction)
    # affine_grid maps places of the result to places of the source, whose width is 2
    inverse = torch.cat([torch.linalg.inv(maps), 2 * shift[:, :, None]], 2)
    grid = F.affine_grid(inverse.to(images.dtype), list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    any_change = applied.any(1)
    label = torch.stack(
        [
            flip_x,
            flip_y,
            scale,
            angle.cos() - 1,
            angle.sin(),
            stretch * direction.cos(),
            stretch * direction.sin(),
            shift[:, 0],
            shift[:, 1],
        ],
        1,
    )
    return torch.where(any_change[:, None, None, None], moved, images), label


def _matrix(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    return torch.stack([torch.stack([a, b], -1), torch.stack([c, d], -1)], -2)


def _scale(x: Tensor, y: Tensor) -> Tensor:
    return _matrix(x, torch.zeros_like(x), torch.zeros_like(x), y)


def _flip(x: Tensor, y: Tensor) -> Tensor:
    return _scale(1 - 2 * x, 1 - 2 * y)


def _rotation(angle: Tensor) -> Tensor:
    return _matrix(angle.cos(), -angle.sin(), angle.sin(), angle.cos())
