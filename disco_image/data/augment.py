"""Augmentation that the denoiser is told about, so that it does not leak into samples."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from disco_image.data.warp import warp

WIDTH = 9
"""Of the augmentation label; zeros mean an image as it is."""
DRAWS = 14
"""Uniform numbers that an image takes."""
SCALE_STD, STRETCH_STD, SHIFT_STD = 0.2, 0.2, 0.125
TURNED_STRETCH = 0.5
"""Share of the stretchings that are along a random direction; the others are along x."""


def augment(images: Tensor, uniform: Tensor, probability: float) -> tuple[Tensor, Tensor]:
    """Images moved by random maps, and labels (batch, 9) that say how.

    Half of all images are mirrored in x. Five more changes are made with the given probability each, n standard normal:
    mirrored in y (half of these), scaled by 2^(0.2 n), turned by any angle, stretched by 2^(0.2 n) (half of these along
    a random direction, the others along x), and moved by n / 8 of the width and height. The label has both flips, n of
    the scale, cos - 1 and sin of the angle, n cos and n sin of the stretch's direction, and both n of the move.
    Probability 0 changes nothing.

    Args:
        images: (batch, channels, height, width).
        uniform: (batch, 14) in [0, 1).
        probability: of each change.

    Source: Karras et al. 2022 (arXiv:2206.00364), app. F.2 and table 6.
    """
    free = uniform.clamp(1e-6, 1 - 1e-6)
    normal = torch.special.ndtri(free)
    coin = (uniform[:, :2] < 0.5).float()
    applied = (uniform[:, 2:7] < probability).float()
    mirror_x = coin[:, 0] if probability else torch.zeros_like(coin[:, 0])
    mirror_y = coin[:, 1] * applied[:, 0]
    scale = applied[:, 1] * normal[:, 7]
    angle = applied[:, 2] * math.pi * (2 * free[:, 8] - 1)
    stretch = applied[:, 3] * normal[:, 9]
    turned = (applied[:, 3] > 0) & (uniform[:, 11] < TURNED_STRETCH)
    direction = torch.where(turned, math.pi * (2 * free[:, 10] - 1), torch.zeros_like(stretch))
    move = applied[:, 4:5] * normal[:, 12:14]
    label = torch.stack(
        [
            mirror_x,
            mirror_y,
            scale,
            angle.cos() - 1,
            angle.sin(),
            stretch * direction.cos(),
            stretch * direction.sin(),
            move[:, 0],
            move[:, 1],
        ],
        1,
    )
    out = torch.where(mirror_x[:, None, None, None] > 0, images.flip(3), images)
    out = torch.where(mirror_y[:, None, None, None] > 0, out.flip(2), out)
    rows = applied[:, 1:].any(1).nonzero().flatten()
    if len(rows):
        out = out.clone()
        matrix, shift = _source(scale, angle, stretch, direction, move, images.shape[3], images.shape[2])
        out[rows] = warp(out[rows], matrix[rows], shift[rows])
    return out, label


def _source(
    scale: Tensor, angle: Tensor, stretch: Tensor, direction: Tensor, move: Tensor, width: int, height: int
) -> tuple[Tensor, Tensor]:
    """The map from places of the result to places of the image, as a matrix (batch, 2, 2) and a shift (batch, 2)."""
    longer = 2 ** (STRETCH_STD * stretch)
    pull = _rotation(-direction) @ _diagonal(1 / longer, longer) @ _rotation(direction)
    matrix = _rotation(angle) @ pull * (2 ** (-SCALE_STD * scale))[:, None, None]
    moved = SHIFT_STD * move * move.new_tensor([width, height])
    return matrix, -(matrix @ moved[:, :, None]).squeeze(2)


def _matrix(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    return torch.stack([torch.stack([a, b], -1), torch.stack([c, d], -1)], -2)


def _diagonal(x: Tensor, y: Tensor) -> Tensor:
    return _matrix(x, torch.zeros_like(x), torch.zeros_like(x), y)


def _rotation(angle: Tensor) -> Tensor:
    return _matrix(angle.cos(), -angle.sin(), angle.sin(), angle.cos())
