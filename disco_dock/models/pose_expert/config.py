"""Sizes of a pose expert and the noise that it knows."""

from __future__ import annotations

from dataclasses import dataclass

from disco_dock.diffusion.schedule import NoiseConfig
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
        torsion_fields: vector fields that torsions are read from, besides the displacement.
        noise: smallest and largest noise levels it knows; it takes those of translation, rotation and torsions in any
            combination.
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
    torsion_fields: int = 4
    noise: NoiseConfig = NoiseConfig(tr_max=7.0)

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
        if self.radial < 2:
            raise ConfigError(f"expert.radial must be at least 2, got {self.radial}")
