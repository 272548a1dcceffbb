"""Noise on poses: apply an update of translation, rotation and torsions; draw one and give its score."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from disco_dock.diffusion import torus
from disco_dock.diffusion.schedule import NoiseConfig, Scores, Sigmas, sigmas
from disco_dock.diffusion.so3 import IGSO3Table, igso3_table
from disco_dock.geometry.rigid import centroid, superpose
from disco_dock.geometry.rotations import axis_angle_to_matrix
from disco_dock.geometry.torsion import TorsionTopology, apply_torsions


class Update(NamedTuple):
    """A change of pose: tr (batch, 3) Angstrom, rot (batch, 3) rotation vector, tor (batch, torsions) radians."""

    tr: Float[Tensor, "batch 3"]
    rot: Float[Tensor, "batch 3"]
    tor: Float[Tensor, "batch torsions"]


def apply_update(
    pos: Float[Tensor, "batch atoms 3"],
    update: Update,
    topology: TorsionTopology,
    atom_mask: Bool[Tensor, "batch atoms"] | None = None,
    torsion_mask: Bool[Tensor, "batch torsions"] | None = None,
) -> Float[Tensor, "batch atoms 3"]:
    """(batch, atoms, 3) poses after an update.

    Rotation about the centroid, then translation; torsions one after another; then the torsion-changed ligand is
    superposed onto the rigidly moved one, so that torsions do not change position or orientation.

    Args:
        pos: (batch, atoms, 3) in Angstrom.
        update: the change.
        topology: rotatable bonds.
        atom_mask: (batch, atoms) bool of real atoms, or None.
        torsion_mask: (batch, torsions) bool of real torsions, or None.

    Source: DiffDock (arXiv:2210.01776), sec. 4.1 and Proposition 1.
    """
    centre = centroid(pos, atom_mask).unsqueeze(1)
    matrix = axis_angle_to_matrix(update.rot)
    rigid = (pos - centre) @ matrix.transpose(1, 2) + centre + update.tr.unsqueeze(1)
    if topology.bonds.shape[1] == 0:
        return rigid
    turned = superpose(apply_torsions(rigid, topology, update.tor), rigid, atom_mask)
    if torsion_mask is None:
        return turned
    return torch.where(torsion_mask.any(1)[:, None, None], turned, rigid)


def targets(
    update: Update,
    t: Float[Tensor, " batch"],
    config: NoiseConfig,
    table: IGSO3Table,
    torsion_mask: Bool[Tensor, "batch torsions"],
) -> Scores:
    """Scores of the noise kernels at a drawn update.

    Args:
        update: noise added to the clean pose.
        t: (batch,) times.
        config: noise ranges.
        table: IGSO(3) table.
        torsion_mask: (batch, torsions) bool; padded slots get zero.
    """
    return targets_at(update, sigmas(t, config), table, torsion_mask)


def targets_at(update: Update, level: Sigmas, table: IGSO3Table, torsion_mask: Tensor) -> Scores:
    """As `targets`, for noise levels (batch,) of translation, rotation and torsions."""
    tr = -update.tr / torch.as_tensor(level.tr)[:, None] ** 2
    rot = table.score_vectors(update.rot, torch.as_tensor(level.rot))
    sigma_tor = torch.as_tensor(level.tor)[:, None].expand_as(update.tor)
    tor = torus.score(update.tor, sigma_tor).to(update.tor.dtype) if update.tor.numel() else update.tor
    return Scores(tr, rot, tor * torsion_mask)


class Draws(NamedTuple):
    """Random numbers of a noising: normals tr, axis (batch, 3) and tor (batch, torsions), uniform angle (batch,)."""

    tr: Float[Tensor, "batch 3"]
    axis: Float[Tensor, "batch 3"]
    angle: Float[Tensor, " batch"]
    tor: Float[Tensor, "batch torsions"]

    def to(self, device: torch.device) -> Draws:
        """The same numbers on another device."""
        return Draws(*(value.to(device, non_blocking=True) for value in self))


def draw(batch: int, torsions: int, generator: torch.Generator) -> Draws:
    """The random numbers of a noising, from a CPU generator, so that every device sees the same ones."""
    return Draws(
        tr=torch.randn(batch, 3, generator=generator),
        axis=torch.randn(batch, 3, generator=generator),
        angle=torch.rand(batch, generator=generator),
        tor=torch.randn(batch, torsions, generator=generator),
    )


def perturb(
    pos_0: Float[Tensor, "batch atoms 3"],
    t: Float[Tensor, " batch"],
    topology: TorsionTopology,
    config: NoiseConfig,
    draws: Draws,
    *,
    atom_mask: Bool[Tensor, "batch atoms"],
    torsion_mask: Bool[Tensor, "batch torsions"],
    table: IGSO3Table | None = None,
) -> tuple[Float[Tensor, "batch atoms 3"], Update, Scores]:
    """Noised poses at time t, the noise, and its scores, on the device of the poses.

    Args:
        pos_0: (batch, atoms, 3) clean poses in Angstrom.
        t: (batch,) times in [0, 1].
        topology: rotatable bonds.
        config: noise ranges.
        draws: from `draw`.
        atom_mask: (batch, atoms) bool.
        torsion_mask: (batch, torsions) bool.
        table: IGSO(3) table; the cached one when None.
    """
    table = igso3_table() if table is None else table
    return perturb_at(
        pos_0, sigmas(t, config), topology, draws, atom_mask=atom_mask, torsion_mask=torsion_mask, table=table
    )


def perturb_at(
    pos_0: Tensor,
    level: Sigmas,
    topology: TorsionTopology,
    draws: Draws,
    *,
    atom_mask: Tensor,
    torsion_mask: Tensor,
    table: IGSO3Table,
) -> tuple[Tensor, Update, Scores]:
    """As `perturb`, for noise levels (batch,) of translation, rotation and torsions that need not share one time."""
    tr = draws.tr * torch.as_tensor(level.tr)[:, None]
    axis = torch.nn.functional.normalize(draws.axis, dim=-1)
    angle = table.sample_angles(torch.as_tensor(level.rot), draws.angle)
    tor = draws.tor * torch.as_tensor(level.tor)[:, None] * torsion_mask
    update = Update(tr, axis * angle[:, None].to(axis.dtype), tor)
    pos_t = apply_update(pos_0, update, topology, atom_mask, torsion_mask)
    return pos_t, update, targets_at(update, level, table, torsion_mask)
