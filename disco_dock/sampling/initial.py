"""Poses that the reverse process starts from: out of noise alone at t = 1, or a given pose noised to some time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from disco_dock.diffusion.perturb import Draws, perturb
from disco_dock.diffusion.sampler_config import SamplerConfig
from disco_dock.diffusion.schedule import NoiseConfig
from disco_dock.geometry.rotations import random_rotations
from disco_dock.geometry.torsion import TorsionTopology, apply_torsions
from disco_dock.runtime.random import PoseRandom
from disco_dock.sampling.restraint import Restraint, project


@dataclass(frozen=True, kw_only=True, eq=False)
class StartPoses:
    """Given poses that are noised to a time and denoised from there (partial diffusion).

    Attributes:
        pos: (starts, atoms, 3) float32 in the graph's frame, Angstrom; pose k starts from number k % starts.
        t: time in (0, 1] to which they are noised.
    """

    pos: Tensor
    t: float

    def sampler(self, whole: SamplerConfig) -> SamplerConfig:
        """The share of the steps of a whole process that leads from this time to 0."""
        return replace(whole, steps=max(1, math.ceil(whole.steps * self.t - 1e-9)))

    def noised(
        self,
        poses: Sequence[int],
        topology: TorsionTopology,
        random: PoseRandom,
        *,
        noise: NoiseConfig,
        restraint: Restraint | None = None,
    ) -> Tensor:
        """(poses, atoms, 3) the starts of poses with these numbers, noised, on the topology's device.

        Args:
            poses: number of each pose.
            topology: rotatable bonds of the poses.
            random: one stream per pose.
            noise: ranges of the process that goes on from them.
            restraint: pocket that they are moved into, or None.

        Source: partial diffusion of a known sample, SDEdit (Meng et al. 2022, arXiv:2108.01073).
        """
        mask = topology.mask
        pos = self.pos[torch.tensor(poses) % len(self.pos)].to(mask.device)
        draws = Draws(
            tr=random.normal(3),
            axis=random.normal(3),
            angle=random.uniform(),
            tor=random.padded_normal(mask.sum(1).tolist(), mask.shape[1]),
        )
        atoms = torch.ones(pos.shape[:2], dtype=torch.bool, device=pos.device)
        times = torch.full((len(pos),), self.t, device=pos.device)
        found, _, _ = perturb(pos, times, topology, noise, draws.to(pos.device), atom_mask=atoms, torsion_mask=mask)
        return found if restraint is None else project(restraint, found)


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
