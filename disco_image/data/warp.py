"""Affine maps of images by bilinear sampling between two passes of a wavelet filter, which keeps fine detail."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)
"""Low-pass filter of the symlet with six vanishing moments (Daubechies, Ten Lectures on Wavelets, sec. 8.1.1)."""
DELAY = 5
"""Place of the filter's middle: sample 2 i of the doubled image stands where pixel i stands."""


def warp(images: Tensor, matrix: Tensor, shift: Tensor) -> Tensor:
    """Images (batch, channels, height, width) whose pixel at v shows what the given ones have at matrix v + shift.

    Coordinates are pixels from the centre, x to the right and y down. The image is reflected at its border, doubled by
    the transposed filter, sampled bilinearly and halved by the filter; the identity gives the image back.

    Args:
        images: at least two pixels high and wide.
        matrix: (batch, 2, 2).
        shift: (batch, 2).

    Source: Karras et al. 2020 (arXiv:2006.06676), app. B, as EDM augments (arXiv:2206.00364, app. F.2).
    """
    height, width = images.shape[2:]
    margin_y, margin_x = height - 1, width - 1
    padded = F.pad(images, (margin_x, margin_x, margin_y, margin_y), mode="reflect")
    doubled = _doubled(_doubled(padded, 2), 3)
    taps = len(SYM6)
    # places of the doubled result that the filter will read, in pixels from the centre
    y = (torch.arange(2 * height + taps - 2) - DELAY).to(images) / 2 - margin_y / 2
    x = (torch.arange(2 * width + taps - 2) - DELAY).to(images) / 2 - margin_x / 2
    entries = matrix.to(images)[:, :, :, None, None]
    source_x = entries[:, 0, 0] * x + entries[:, 0, 1] * y[:, None] + shift[:, 0, None, None]
    source_y = entries[:, 1, 0] * x + entries[:, 1, 1] * y[:, None] + shift[:, 1, None, None]
    # to samples of the doubled image, and to the range from -1 to 1 that grid_sample takes
    grid = torch.stack(
        [
            2 * (2 * (source_x + 1.5 * margin_x)) / (doubled.shape[3] - 1) - 1,
            2 * (2 * (source_y + 1.5 * margin_y)) / (doubled.shape[2] - 1) - 1,
        ],
        -1,
    )
    moved = F.grid_sample(doubled, grid, mode="bilinear", padding_mode="zeros", align_corners=True)
    return _halved(_halved(moved, 2, height), 3, width)


def _doubled(x: Tensor, axis: int) -> Tensor:
    """Twice as many samples along an axis: out[n] = sum_k h[k] z[n + 5 - k], z the samples with zeros between them."""
    size, taps = x.shape[axis], len(SYM6)
    shape = list(x.shape)
    shape[axis] = 2 * size + 2 * taps
    spaced = x.new_zeros(shape)
    spaced.narrow(axis, taps, 2 * size).unflatten(axis, (size, 2)).select(axis + 1, 0).copy_(x)
    out = torch.zeros_like(x.repeat_interleave(2, axis))
    for k, value in enumerate(SYM6):
        out += value * spaced.narrow(axis, taps + DELAY - k, 2 * size)
    return out


def _halved(x: Tensor, axis: int, size: int) -> Tensor:
    """Half as many samples along an axis: out[i] = sum_k h[k] x[2 i + k], where x starts 5 before the first."""
    taken = torch.arange(size, device=x.device) * 2
    out = SYM6[0] * x.index_select(axis, taken)
    for k, value in enumerate(SYM6[1:], start=1):
        out += value * x.index_select(axis, taken + k)
    return out
