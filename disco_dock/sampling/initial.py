"""Poses at t = 1."""

from __future__ import annotations

import math

from torch import Tensor

from disco_dock.geometry.rotations import random_rotations
from disco_dock.geometry.torsion import TorsionTopology, apply_torsions
from disco_dock.runtime.random import PoseRandom
from disco_dock.sampling.restraint import Restraint


def initial_poses(
    conformer: Tensor,
    topology: TorsionTopology,
    random: PoseRandom,
    *,
    tr_sigma: float,
    restraint: Restraint | None = None,
) -> Tensor:
    """(poses, atoms, 3) random torsions, orientations and positions around the receptor's centre or in the pocket.

    Args:
        conformer: (poses, atoms, 3) in Angstrom.
        topology: rotatable bonds of the poses.
        random: one stream per pose.
        tr_sigma: Angstrom, spread of the positions; the pocket replaces it when there is one.
        restraint: pocket, or None for the whole receptor.

    Source: DiffDock (arXiv:2210.01776), Algorithm 1.
    """
    mask = topology.mask
    angles = (2 * random.padded_uniform(mask.sum(1).tolist(), mask.shape[1]) - 1) * math.pi
    pos = apply_torsions(conformer, topology, angles.to(conformer))
    pos = pos - pos.mean(1, keepdim=True)
    rotation = random_rotations(random.normal(4)).to(pos)
    pos = pos @ rotation.transpose(1, 2)
    shift, share = random.normal(3) * tr_sigma, random.uniform(3)
    place = shift if restraint is None else restraint.start(share)
    return pos + place.to(pos).unsqueeze(1)
