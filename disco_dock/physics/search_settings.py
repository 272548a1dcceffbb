"""How poses are minimised and searched around."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from disco_dock.runtime.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchSettings:
    """Settings of the minimiser and of the Monte-Carlo search.

    Attributes:
        moves: Monte-Carlo steps for each pose; 0 minimises only.
        hunt: quasi-Newton steps after each move, on the softened energy.
        polish: quasi-Newton steps for a new best pose, on the energy itself.
        cap: kcal/mol to which repulsion is softened while hunting.
        temperature: of the Metropolis rule, kcal/mol.
        amplitude: Angstrom of a random translation, and of the arc of a random rotation.
        longest: largest component of a quasi-Newton step, Angstrom or rad.
        tolerance: kcal/mol; two steps in a row that gain less end a minimisation.
    """

    moves: int = 0
    hunt: int = 20
    polish: int = 100
    cap: float = 10.0
    temperature: float = 1.2
    amplitude: float = 2.0
    longest: float = 1.0
    tolerance: float = 1e-3

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.moves < 0 or self.hunt < 0 or self.polish < 1:
            raise ConfigError("a search has moves and hunt of 0 or more and polish of 1 or more")
        if min(self.cap, self.temperature, self.amplitude, self.longest) <= 0 or self.tolerance < 0:
            raise ConfigError(
                "cap, temperature, amplitude and longest of a search must be positive, tolerance not negative"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Basins:
    """Which minima of one search are kept.

    Attributes:
        count: at most, those of lowest energy.
        apart: Angstrom of RMSD between two of them, symmetry not counted.
        window: kcal/mol above the lowest within which a minimum is worth polishing.
    """

    count: int = 1
    apart: float = 1.0
    window: float = 3.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.count < 1 or min(self.apart, self.window) < 0:
            raise ConfigError("a search keeps 1 or more basins, and apart and window are not negative")


@dataclass(frozen=True, kw_only=True, eq=False)
class Sphere:
    """Where the centroid of a pose is held.

    Attributes:
        center: (3,) Angstrom in the receptor's frame.
        radius: Angstrom, within which nothing is felt.
        wall: kcal/mol per squared Angstrom outside.
    """

    center: np.ndarray
    radius: float
    wall: float = 10.0
