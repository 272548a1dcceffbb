"""Denoising score-matching losses of translation, rotation and torsions."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from disco_dock.diffusion.schedule import Scores, Sigmas
from disco_dock.diffusion.so3 import IGSO3Table
from disco_dock.diffusion.torus import score_norm as torus_score_norm

WEIGHT = 0.33  # of each of the three parts, as published


class Losses(NamedTuple):
    """Per-graph losses, (batch,) each; `tor` is zero for ligands without rotatable bonds.

    Attributes:
        tr: sigma^2-weighted squared error of the translation score, mean over x, y, z.
        rot: squared error of the rotation score over its expected norm, mean over components.
        tor: squared error of the torsion scores over their expected squared norm, sum over bonds.
        bonds: number of rotatable bonds.
    """

    tr: Tensor
    rot: Tensor
    tor: Tensor
    bonds: Tensor

    def total(self) -> Tensor:
        """The scalar training loss: the mean over graphs (torsions: over bonds) of the three parts, times 0.33."""
        tor = self.tor.sum() / self.bonds.sum().clamp_min(1.0)
        return WEIGHT * (self.tr.mean() + self.rot.mean() + tor)


def score_losses(predicted: Scores, target: Scores, sigma: Sigmas, torsion_mask: Tensor, table: IGSO3Table) -> Losses:
    """Per-graph losses of predicted scores.

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
    return Losses(tr, rot, tor, mask.sum(-1))
