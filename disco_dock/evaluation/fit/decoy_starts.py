"""Starts of poses that the contact score learns from: around the crystal pose, and in other pockets of the receptor."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from disco_dock.chem.conformer_matching import apply_torsions, match_to
from disco_dock.chem.conformers import embed
from disco_dock.chem.ligand import Ligand
from disco_dock.chem.stereo import without_pose
from disco_dock.chem.torsions import rotatable_bonds
from disco_dock.runtime.random import derive_seed

PROBES, PROBE_GAP, PROBE_CLASH, PROBE_REACH = 600, (3.5, 6.0), 3.2, 8.0
"""Points tried for places elsewhere, their distance from an atom of the receptor, the least from any, and within which
atoms are counted, Angstrom."""
SITE_GAP = 4.0  # Angstrom between places elsewhere, and from the crystal pose's


class Spread(NamedTuple):
    """How far starts are from the crystal pose.

    Attributes:
        shift: Angstrom, standard deviation of each coordinate of the centroid.
        free: share of the starts whose orientation, and of those whose torsions, are drawn uniformly.
        turn: rad, standard deviation of each component of the other rotations.
        twist: rad, standard deviation of the other torsions.
    """

    shift: float
    free: float
    turn: float
    twist: float


AROUND = Spread(shift=3.0, free=0.6, turn=0.8, twist=0.6)
CLOSE = Spread(shift=0.3, free=0.0, turn=0.15, twist=0.15)
FREE = Spread(shift=0.0, free=1.0, turn=0.0, twist=0.0)


class RebuiltLigand:
    """The ligand with bond lengths, angles and rings of an RDKit conformer, as near to the crystal pose as they get.

    Args:
        ligand: in its crystal pose.
        name: of the complex.
        seed: of the conformer and the starts.
    """

    def __init__(self, ligand: Ligand, name: str, seed: int) -> None:
        assert ligand.pos is not None
        blank = without_pose(ligand.mol)  # so that no fallback starts from the answer
        conformer = embed(blank, seed=derive_seed("conformer", seed, ligand.smiles)).pos
        self.torsions = rotatable_bonds(ligand.mol)
        self.pos, _ = match_to(ligand.mol, conformer, ligand.pos, self.torsions)
        self._rng = np.random.default_rng(derive_seed("decoys", seed, name) % 2**32)

    def around(self, count: int, spread: Spread) -> np.ndarray:
        """(count, atoms, 3) starts around the crystal pose."""
        rng, bonds = self._rng, len(self.torsions.bonds)
        free = rng.random(count) < spread.free
        uniform, normal = (
            rng.uniform(-np.pi, np.pi, (count, bonds)),
            rng.normal(scale=spread.twist, size=(count, bonds)),
        )
        pos = self._twisted(np.where(free[:, None], uniform, normal))
        for pose in range(count):
            turned = (pos[pose] - pos[pose].mean(0)) @ _rotation(rng, spread).as_matrix().T
            pos[pose] = turned + self.pos.mean(0) + rng.normal(scale=spread.shift, size=3)
        return pos

    def at(self, centres: np.ndarray) -> np.ndarray:
        """(len(centres), atoms, 3) starts with random orientations and torsions."""
        rng = self._rng
        pos = self._twisted(rng.uniform(-np.pi, np.pi, (len(centres), len(self.torsions.bonds))))
        for pose, centre in enumerate(centres):
            pos[pose] = (pos[pose] - pos[pose].mean(0)) @ _rotation(rng, FREE).as_matrix().T + centre
        return pos

    def _twisted(self, angles: np.ndarray) -> np.ndarray:
        return apply_torsions(np.repeat(self.pos[None], len(angles), axis=0), self.torsions, angles)


def other_sites(atoms: np.ndarray, crystal: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(at most count, 3) points in the receptor's most buried free places, apart from each other and the crystal's.

    Args:
        atoms: (atoms, 3) of the receptor, Angstrom.
        crystal: (3,) centroid of the crystal pose.
        count: of points.
        rng: random numbers.
    """
    direction = rng.normal(size=(PROBES, 3))
    direction *= rng.uniform(*PROBE_GAP, size=(PROBES, 1)) / np.linalg.norm(direction, axis=1, keepdims=True)
    points = atoms[rng.integers(len(atoms), size=PROBES)] + direction
    tree = KDTree(atoms)
    points = points[tree.query(points)[0] >= PROBE_CLASH]
    buried = tree.query_ball_point(points, PROBE_REACH, return_length=True)
    chosen = [crystal]
    for point in points[np.argsort(-buried, kind="stable")]:
        if len(chosen) <= count and np.linalg.norm(point - chosen, axis=1).min() >= SITE_GAP:
            chosen.append(point)
    return np.stack(chosen)[1:]


def _rotation(rng: np.random.Generator, spread: Spread) -> Rotation:
    if rng.random() < spread.free:
        return Rotation.random(None, int(rng.integers(2**31)))  # pyright: ignore[reportArgumentType] - its stubs lag
    return Rotation.from_rotvec(rng.normal(scale=spread.turn, size=3))
