"""Denoising score-matching losses of translation, rotation and torsions."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from disco_dock.diffusion.schedule import Scores, Sigmas
from disco_dock.diffusion.so3 import IGSO3Table
from disco_dock.diffusion.torus import score_norm as torus_score_norm
from disco_dock.runtime.distributed import processes, total

WEIGHT = 0.33  # of each of the three parts, as published


class LossMeans(NamedTuple):
    """Scalars over a batch: the training loss and its parts, `kl` and `field` already weighted."""

    loss: Tensor
    tr: Tensor
    rot: Tensor
    tor: Tensor
    kl: Tensor
    field: Tensor

    def values(self) -> dict[str, float]:
        """Plain numbers by name."""
        return dict(zip(self._fields, torch.stack([part.detach().double() for part in self]).tolist(), strict=True))


class Losses(NamedTuple):
    """Per-graph losses, (batch,) each; `tor` is zero for ligands without rotatable bonds.

    Attributes:
        tr: sigma^2-weighted squared error of the translation score, mean over x, y, z.
        rot: squared error of the rotation score over its expected norm, mean over components.
        tor: squared error of the torsion scores over their expected squared norm, sum over bonds.
        bonds: number of rotatable bonds.
        weight: of each graph in the means.
        divergence: weighted divergence of continuous latents from their prior.
        field: weighted squared error of the atoms' displacements, see `field_loss`.
    """

    tr: Tensor
    rot: Tensor
    tor: Tensor
    bonds: Tensor
    weight: Tensor
    divergence: Tensor
    field: Tensor

    def total(self) -> Tensor:
        """The scalar training loss, see `means`."""
        return self.means().loss

    def means(self) -> LossMeans:
        """Means over graphs (torsions: over bonds) and the training loss: 0.33 of their sum, and divergence and field.

        Where several processes train together, the means of their values are the means over all of their graphs, so
        the averaged gradient is that of one process with the whole batch.
        """
        weight = self.weight
        counts = total(torch.stack([weight.sum(), (weight * self.bonds).sum()])) / processes().size
        rows, bonds = counts.clamp_min(1.0 / processes().size)
        tr, rot, kl, field = ((weight * part).sum() / rows for part in (self.tr, self.rot, self.divergence, self.field))
        tor = (weight * self.tor).sum() / bonds
        return LossMeans(WEIGHT * (tr + rot + tor) + kl + field, tr, rot, tor, kl, field)


def score_losses(predicted: Scores, target: Scores, sigma: Sigmas, torsion_mask: Tensor, table: IGSO3Table) -> Losses:
    """Per-graph losses of predicted scores, all graphs with the same weight.

    Args:
        predicted: scores from the model.
        target: scores of the noise that was drawn.
        sigma: noise levels, (batch,) each.
        torsion_mask: (batch, torsions) bool.
        table: IGSO(3) table.

    Source: DiffDock (arXiv:2210.01776), with the norms of the published code.
    """
    sigma_tr, sigma_rot, sigma_tor = (torch.as_tensor(value) for value in sigma)
    tr = ((predicted.tr - target.tr) * sigma_tr[:, None]).square().mean(-1)
    rot_norm = table.score_norm(sigma_rot).to(tr.dtype)
    rot = ((predicted.rot - target.rot) / rot_norm[:, None]).square().mean(-1)
    tor_norm = torus_score_norm(sigma_tor).to(tr.dtype)
    mask = torsion_mask.to(tr.dtype)
    tor = ((predicted.tor - target.tor).square() * mask).sum(-1) / tor_norm
    zero = torch.zeros_like(tr)
    return Losses(tr, rot, tor, mask.sum(-1), torch.ones_like(tr), zero, zero)


def field_loss(field: Tensor, pos_0: Tensor, pos_t: Tensor, scale: Tensor, mask: Tensor) -> Tensor:
    """(batch,) squared error of predicted displacements to the clean pose, mean over atoms and components.

    Args:
        field: (batch, atoms, 3) predicted displacements in units of `scale`.
        pos_0: (batch, atoms, 3) clean poses in Angstrom.
        pos_t: (batch, atoms, 3) noised poses.
        scale: (batch,) Angstrom, from `models.displacement_head.displacement_scale`.
        mask: (batch, atoms) bool.
    """
    error = (field - (pos_0 - pos_t) / scale[:, None, None]).square().mean(-1) * mask
    return error.sum(1) / mask.sum(1).clamp_min(1)
