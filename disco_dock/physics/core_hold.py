"""Atoms of a ligand that the search holds where a known pose has them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from disco_dock.chem.conformer_matching import superposition

SLACK = 0.5
"""Share of the tolerance within which an atom feels nothing."""
STIFFNESS = 20.0
"""kcal/mol per squared Angstrom beyond that."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Held:
    """Atoms (C,) held near points (C, 3) in Angstrom: nothing within `slack`, then `stiffness` times the square."""

    atoms: np.ndarray
    pos: np.ndarray
    slack: float
    stiffness: float = STIFFNESS


@dataclass(frozen=True, kw_only=True, eq=False)
class CoreHold:
    """A core of C atoms that stays where a reference has it.

    Attributes:
        ways: (W, C) int, the ways in which the core lies in the ligand, as atoms of it.
        pos: (C, 3) Angstrom in the receptor's frame, where the reference has these atoms.
        tolerance: Angstrom of RMSD from there within which a pose is as asked for.
        note: what the core is, in one sentence.
    """

    ways: np.ndarray
    pos: np.ndarray
    tolerance: float
    note: str = ""

    def rmsd(self, pos: np.ndarray) -> np.ndarray:
        """(poses,) Angstrom of the core from the reference without superposition, in the nearest way.

        Args:
            pos: (poses, L, 3) Angstrom in the receptor's frame.
        """
        return self._deviations(pos).min(1)

    def nearest(self, pos: np.ndarray) -> np.ndarray:
        """(poses,) the way in which the core of each pose is nearest to the reference."""
        return self._deviations(pos).argmin(1)

    def laid(self, pos: np.ndarray) -> np.ndarray:
        """Poses moved rigidly so that their cores lie on the reference, in the way in which they are nearest to it."""
        cores = pos[np.arange(len(pos))[:, None], self.ways[self.nearest(pos)]]
        rotation, centre, target = superposition(cores, self.pos)
        return (pos - centre) @ rotation + target

    def held(self, way: int) -> Held:
        """What the search holds in a way."""
        return Held(atoms=self.ways[way], pos=self.pos, slack=SLACK * self.tolerance)

    def _deviations(self, pos: np.ndarray) -> np.ndarray:
        return np.sqrt(((pos[:, self.ways] - self.pos) ** 2).sum(3).mean(2))
