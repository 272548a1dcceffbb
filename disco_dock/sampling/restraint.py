"""A sphere that the ligand's centroid does not leave."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from disco_dock.runtime.errors import ConfigError


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

    def distance(self, pos: Tensor) -> Tensor:
        """(poses,) distance in Angstrom of each pose's centroid (poses, atoms, 3) from the centre."""
        return (pos.mean(1) - self.center.to(pos)).norm(dim=-1)

    def project(self, pos: Tensor) -> Tensor:
        """Poses (poses, atoms, 3), those with the centroid outside shifted back onto the sphere."""
        offset = pos.mean(1) - self.center.to(pos)
        distance = offset.norm(dim=-1, keepdim=True)
        excess = (distance - self.radius).clamp_min(0.0)
        return pos - (offset / distance.clamp_min(1e-12) * excess).unsqueeze(1)

    def start(self, uniform: Tensor) -> Tensor:
        """(poses, 3) start points, uniform in the ball, from uniform numbers (poses, 3)."""
        height = 2 * uniform[:, :1] - 1
        angle = 2 * torch.pi * uniform[:, 1:2]
        ring = (1 - height**2).clamp_min(0).sqrt()
        direction = torch.cat([ring * angle.cos(), ring * angle.sin(), height], 1)
        return self.center.to(uniform) + self.radius * uniform[:, 2:3] ** (1 / 3) * direction
