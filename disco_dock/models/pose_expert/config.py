"""Sizes of a pose expert and the noise it is made for."""

from __future__ import annotations

from dataclasses import dataclass, field

from disco_dock.diffusion.schedule import NoiseConfig, sigmas
from disco_dock.runtime.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class PoseExpertConfig:
    """A pose expert.

    Attributes:
        scalars: width of the atoms' scalars.
        vectors: vectors of a ligand atom.
        bond_layers: message passing over the bonds of the ligand, before it has a pose.
        receptor_layers: message passing among the receptor's atoms, once per receptor; 0 for none.
        layers: message passing from receptor and ligand atoms to ligand atoms.
        cutoff: Angstrom, of pairs of a ligand and a receptor atom.
        ligand_cutoff: Angstrom, of pairs of ligand atoms.
        receptor_cutoff: Angstrom, of pairs of receptor atoms.
        radial: Gaussians of a distance.
        time_dim: features of the diffusion time.
        torsion_fields: vector fields that torsions are read from, besides the displacement.
        max_time: latest diffusion time it is trained for.
        noise: ranges of the noise, those of the score model it works with.
    """

    scalars: int = 64
    vectors: int = 16
    bond_layers: int = 3
    receptor_layers: int = 0
    layers: int = 3
    cutoff: float = 8.0
    ligand_cutoff: float = 8.0
    receptor_cutoff: float = 4.5
    radial: int = 24
    time_dim: int = 16
    torsion_fields: int = 4
    max_time: float = 0.8
    noise: NoiseConfig = field(default_factory=NoiseConfig)

    def __post_init__(self) -> None:
        """Check ranges."""
        for name in ("scalars", "vectors", "layers", "torsion_fields"):
            if getattr(self, name) < 1:
                raise ConfigError(f"expert.{name} must be at least 1, got {getattr(self, name)}")
        for name in ("bond_layers", "receptor_layers"):
            if getattr(self, name) < 0:
                raise ConfigError(f"expert.{name} must not be negative, got {getattr(self, name)}")
        for name in ("cutoff", "ligand_cutoff", "receptor_cutoff"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"expert.{name} must be positive, got {getattr(self, name)}")
        if self.radial < 2 or self.time_dim < 4 or self.time_dim % 2:
            raise ConfigError("expert.radial must be at least 2, expert.time_dim even and at least 4")
        if not 0 < self.max_time <= 1:
            raise ConfigError(f"expert.max_time must lie in (0, 1], got {self.max_time}")

    @property
    def max_sigma_tr(self) -> float:
        """Translation noise in Angstrom at the latest time it is trained for."""
        return float(sigmas(self.max_time, self.noise).tr)
