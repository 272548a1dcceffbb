"""Regions that the ligand's centroid does not leave: a sphere or a box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from disco_dock.diffusion.schedule import Scores
from disco_dock.runtime.errors import ConfigError


class Restraint(Protocol):
    """A region in the frame of the poses."""

    def correction(self, points: Tensor) -> Tensor:
        """(poses, 3) shortest shift in Angstrom of each point (poses, 3) into the region; zero inside."""
        ...

    def start(self, uniform: Tensor) -> Tensor:
        """(poses, 3) start points, uniform in the region, from uniform numbers (poses, 3)."""
        ...


@dataclass(frozen=True, kw_only=True)
class PocketRestraint:
    """A sphere in the frame of the poses.

    Attributes:
        center: (3,) in Angstrom.
        radius: Angstrom.
    """

    center: Tensor
    radius: float

    def __post_init__(self) -> None:
        """Check the radius."""
        if not self.radius > 0:
            raise ConfigError(f"the pocket radius must be positive, got {self.radius}")

    def correction(self, points: Tensor) -> Tensor:
        """(poses, 3) shift of each point onto the sphere; zero inside."""
        offset = points - self.center.to(points)
        distance = offset.norm(dim=-1, keepdim=True)
        excess = (distance - self.radius).clamp_min(0.0)
        return -offset / distance.clamp_min(1e-12) * excess

    def start(self, uniform: Tensor) -> Tensor:
        """(poses, 3) start points, uniform in the ball, from uniform numbers (poses, 3)."""
        height = 2 * uniform[:, :1] - 1
        angle = 2 * torch.pi * uniform[:, 1:2]
        ring = (1 - height**2).clamp_min(0).sqrt()
        direction = torch.cat([ring * angle.cos(), ring * angle.sin(), height], 1)
        return self.center.to(uniform) + self.radius * uniform[:, 2:3] ** (1 / 3) * direction


@dataclass(frozen=True, kw_only=True)
class BoxRestraint:
    """A box with sides along the axes of the file, as AutoDock Vina's.

    Attributes:
        center: (3,) in Angstrom.
        half: (3,) half of each side in Angstrom.
    """

    center: Tensor
    half: Tensor

    def __post_init__(self) -> None:
        """Check the sides."""
        if not bool((self.half > 0).all()):
            raise ConfigError(f"the sides of the pocket box must be positive, got {(2 * self.half).tolist()}")

    def correction(self, points: Tensor) -> Tensor:
        """(poses, 3) shift of each point onto the box; zero inside."""
        offset, half = points - self.center.to(points), self.half.to(points)
        return torch.minimum(torch.maximum(offset, -half), half) - offset

    def start(self, uniform: Tensor) -> Tensor:
        """(poses, 3) start points, uniform in the box, from uniform numbers (poses, 3)."""
        return self.center.to(uniform) + (2 * uniform - 1) * self.half.to(uniform)


def project(region: Restraint, pos: Tensor) -> Tensor:
    """Poses (poses, atoms, 3), those with the centroid outside shifted back to the border of the region."""
    return pos + region.correction(pos.mean(1)).unsqueeze(1)


def drift(region: Restraint, pos: Tensor, scores: Scores, sigma_tr: float) -> Scores:
    """Scores whose translation points at a clean centroid inside the region.

    The translation score of a pose x points at the clean centroid x + sigma^2 s. Where that lies outside, the score is
    changed by the least that makes it lie on the border; the other scores, and those of the other poses, stay.

    Args:
        region: where the centroid shall be.
        pos: (poses, atoms, 3) in Angstrom at the time of the scores.
        scores: of these poses.
        sigma_tr: Angstrom, translation noise at that time.

    Source: Tweedie's formula; guidance by the predicted clean sample as in Chung et al. 2023 (arXiv:2209.14687).
    """
    clean = pos.mean(1) + sigma_tr**2 * scores.tr
    return scores._replace(tr=scores.tr + region.correction(clean) / sigma_tr**2)
