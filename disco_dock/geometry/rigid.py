# pyright: basic
"""Centroids and optimal superposition of batches of poses."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def centroid(
    pos: Float[Tensor, "batch atoms 3"], mask: Bool[Tensor, "batch atoms"] | None = None
) -> Float[Tensor, "batch 3"]:
    """(batch, 3) mean position of the real atoms.

    Args:
        pos: (batch, atoms, 3) in Angstrom.
        mask: (batch, atoms) bool, or None when every atom is real.
    """
    if mask is None:
        return pos.mean(1)
    weight = mask.to(pos.dtype).unsqueeze(-1)
    return (pos * weight).sum(1) / weight.sum(1).clamp_min(1.0)


def kabsch(
    mobile: Float[Tensor, "batch atoms 3"],
    target: Float[Tensor, "batch atoms 3"],
    mask: Bool[Tensor, "batch atoms"] | None = None,
) -> tuple[Float[Tensor, "batch 3 3"], Float[Tensor, "batch 3"]]:
    """Rotation R (batch, 3, 3) and shift t (batch, 3) with target close to mobile @ R^T + t.

    Always a proper rotation, also for planar, collinear and single atoms.

    Args:
        mobile: (batch, atoms, 3) in Angstrom.
        target: (batch, atoms, 3) in Angstrom.
        mask: (batch, atoms) bool of real atoms, or None.

    Source: Kabsch 1976 (doi:10.1107/S0567739476001873).
    """
    mobile_centre, target_centre = centroid(mobile, mask), centroid(target, mask)
    left = mobile - mobile_centre.unsqueeze(1)
    right = target - target_centre.unsqueeze(1)
    if mask is not None:
        left = left * mask.to(left.dtype).unsqueeze(-1)
    covariance = left.transpose(1, 2) @ right
    u, _, vh = torch.linalg.svd(covariance)
    sign = torch.where(torch.linalg.det(u) * torch.linalg.det(vh) < 0, -1.0, 1.0).to(mobile.dtype)
    flip = torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign], -1)
    rotation = vh.transpose(1, 2) @ (flip.unsqueeze(-1) * u.transpose(1, 2))
    shift = target_centre - (rotation @ mobile_centre.unsqueeze(-1)).squeeze(-1)
    return rotation, shift


def superpose(
    mobile: Float[Tensor, "batch atoms 3"],
    target: Float[Tensor, "batch atoms 3"],
    mask: Bool[Tensor, "batch atoms"] | None = None,
) -> Float[Tensor, "batch atoms 3"]:
    """(batch, atoms, 3) `mobile` moved rigidly onto `target` with the least squared distance."""
    rotation, shift = kabsch(mobile, target, mask)
    return mobile @ rotation.transpose(1, 2) + shift.unsqueeze(1)
