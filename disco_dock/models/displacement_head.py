"""Atom-wise read-out of the score model: where each atom should go, and what that says of the whole pose.

A pose's translation, rotation and torsion scores are three views of one field, the displacement of every atom towards
its clean position. This head predicts the field and projects it on the rigid motions and on the rotatable bonds. The
field itself can be supervised atom by atom (`training.score.losses`), which teaches orientation and torsions far
earlier than their scores alone. Not part of the published models.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from disco_dock.diffusion.schedule import Sigmas
from disco_dock.geometry.rigid import centroid
from disco_dock.graph.schema import GraphBatch
from disco_dock.models.layers.irreps import Channels, Features
from disco_dock.models.trunk_config import TrunkConfig
from disco_dock.runtime.precision import full_precision

FIELDS = 3  # the displacement, and free corrections for rotation and torsions
LARGEST_TURN = 1.2  # rad, root mean square of the noise's rotation at its largest, roughly


class Motion(NamedTuple):
    """What the field says.

    Attributes:
        field: (batch, atoms, 3) predicted displacement to the clean pose in units of `displacement_scale`.
        tr: (batch, 3) translation over sigma_tr.
        rot: (batch, 3) rotation vector over sigma_rot.
        tor: (batch, torsions) angles over sigma_tor, zero in padded slots.
    """

    field: Tensor
    tr: Tensor
    rot: Tensor
    tor: Tensor


def displacement_scale(pos: Tensor, mask: Tensor, sigma: Sigmas) -> Tensor:
    """(batch,) typical displacement of an atom by the noise, Angstrom: translation, and rotation at gyration radius.

    Args:
        pos: (batch, atoms, 3) poses in Angstrom.
        mask: (batch, atoms) bool.
        sigma: noise levels, (batch,) each.
    """
    arm = (pos - centroid(pos, mask).unsqueeze(1)) * mask.unsqueeze(-1)
    square = arm.square().sum((1, 2)) / mask.sum(1).clamp_min(1)
    turn = (2 * torch.as_tensor(sigma.rot)).clamp_max(LARGEST_TURN)
    return (torch.as_tensor(sigma.tr).square() + square * turn.square()).sqrt().to(pos.dtype)


class DisplacementHead(nn.Module):
    """The field from the atoms' vectors, weighted by a network of their scalars, and its projections."""

    def __init__(self, config: TrunkConfig, inputs: Channels) -> None:
        super().__init__()
        width = config.scalars
        self.vectors = inputs.odd_vectors
        self.gates = nn.Sequential(
            nn.Linear(inputs.even_scalars + inputs.odd_vectors + config.time_dim, 2 * width),
            nn.SiLU(),
            _small(nn.Linear(2 * width, FIELDS * inputs.odd_vectors), 0.1),  # begin near the zero score
        )
        self.rot_size = _size_network(1 + config.time_dim, width)
        self.tor_size = _size_network(2 * inputs.even_scalars + config.time_dim, width)

    def forward(self, batch: GraphBatch, pos: Tensor, ligand: Features, time: Tensor, sigma: Sigmas) -> Motion:
        """The field and its projections.

        Args:
            batch: graphs.
            pos: (batch, atoms, 3) in Angstrom.
            ligand: atom features from the trunk.
            time: (batch, time_dim) embedded times.
            sigma: noise levels, (batch,) each.
        """
        with full_precision(pos.device):  # sums over arms of several Angstrom squared lose too much in 16 bits
            ligand = ligand.map(lambda value: value.to(pos.dtype))
            return self._motion(batch, pos, ligand, time.to(pos.dtype), sigma)

    def _motion(self, batch: GraphBatch, pos: Tensor, ligand: Features, time: Tensor, sigma: Sigmas) -> Motion:
        mask = batch.lig_mask.unsqueeze(-1).to(pos.dtype)
        sizes = ligand.odd_vectors.square().mean(-2)
        at_atom = time.unsqueeze(1).expand(-1, pos.shape[1], -1)
        gates = self.gates(torch.cat([ligand.even_scalars, sizes, at_atom], -1))
        gates = gates.unflatten(-1, (self.vectors, FIELDS))
        fields = (ligand.odd_vectors @ gates) * mask.unsqueeze(-1)  # (batch, atoms, 3, fields)
        field, for_rot, for_tor = fields.unbind(-1)

        sigma_tr, sigma_rot, sigma_tor = (torch.as_tensor(value).to(pos.dtype)[:, None] for value in sigma)
        scale = displacement_scale(pos, batch.lig_mask, sigma)
        move = field * scale[:, None, None]  # Angstrom
        count = mask.sum(1).clamp_min(1.0)
        tr = move.sum(1) / count
        arm = (pos - centroid(pos, batch.lig_mask).unsqueeze(1)) * mask
        inverse = inverse_inertia(arm)
        reach = (arm.square().sum((1, 2)) / count.squeeze(-1)).sqrt()  # gyration radius
        turn = turn_of(arm, move, inverse)
        rot = turn / sigma_rot + turn_of(arm, for_rot, inverse) * reach[:, None]
        size = torch.log1p(torch.linalg.vector_norm(rot, dim=-1, keepdim=True))
        rot = rot * (1 + self.rot_size(torch.cat([size, time], -1)))
        inner = (move - tr.unsqueeze(1) - torch.linalg.cross(turn.unsqueeze(1).expand_as(arm), arm)) * mask
        tor = self._torsions(batch, pos, ligand.even_scalars, time, inner / sigma_tor.unsqueeze(2), for_tor)
        return Motion(field, tr / sigma_tr, rot, tor)

    def _torsions(
        self, batch: GraphBatch, pos: Tensor, scalars: Tensor, time: Tensor, inner: Tensor, free: Tensor
    ) -> Tensor:
        """Angles by which the moved side of each bond should turn against the held side, over sigma_tor."""
        bonds = batch.topology.bonds
        if bonds.shape[1] == 0:
            return pos.new_zeros(len(pos), 0)
        rows = torch.arange(len(pos), device=pos.device)[:, None]
        held, moved = pos[rows, bonds[..., 0]], pos[rows, bonds[..., 1]]
        axis = torch.nn.functional.normalize(held - moved, dim=-1, eps=1e-12).unsqueeze(2)
        arm = pos.unsqueeze(1) - moved.unsqueeze(2)  # (batch, torsions, atoms, 3)
        around = torch.linalg.cross(axis.expand_as(arm), arm)
        far = batch.topology.moved & batch.torsion_mask.unsqueeze(2)
        near = ~batch.topology.moved & batch.lig_mask.unsqueeze(1) & batch.torsion_mask.unsqueeze(2)

        def turned(side: Tensor, field: Tensor, unit: bool) -> Tensor:
            weight = side.to(pos.dtype)
            torque = ((around * field.unsqueeze(1)).sum(-1) * weight).sum(2)
            inertia = (around.square().sum(-1) * weight).sum(2)
            angle = torque / (inertia + 0.1)
            return angle * (inertia / weight.sum(2).clamp_min(1.0) + 1e-6).sqrt() if unit else angle

        angle = turned(far, inner, False) - turned(near, inner, False)
        angle = angle + turned(far, free, True) - turned(near, free, True)
        ends = torch.cat(
            [
                scalars[rows, bonds[..., 0]] + scalars[rows, bonds[..., 1]],
                scalars[rows, bonds[..., 0]] * scalars[rows, bonds[..., 1]],
                time.unsqueeze(1).expand(-1, bonds.shape[1], -1),
            ],
            -1,
        )
        return angle * (1 + self.tor_size(ends).squeeze(-1)) * batch.torsion_mask.to(pos.dtype)


def _size_network(inputs: int, width: int) -> nn.Sequential:
    """A number per row that starts at zero."""
    return nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), _small(nn.Linear(width, 1), 0.0))


def _small(layer: nn.Linear, factor: float) -> nn.Linear:
    """The layer with its weights times a factor and no bias to begin with."""
    with torch.no_grad():
        layer.weight.mul_(factor)
        layer.bias.zero_()
    return layer


def inverse_inertia(arm: Tensor) -> Tensor:
    """(batch, 3, 3) inverse of the inertia tensor about the centroid; a linear ligand's is kept finite."""
    square = arm.square().sum((1, 2))
    identity = torch.eye(3, dtype=arm.dtype, device=arm.device)
    inertia = square[:, None, None] * identity - arm.transpose(1, 2) @ arm
    return torch.linalg.inv(inertia + (0.02 * square + 0.1)[:, None, None] * identity)


def turn_of(arm: Tensor, field: Tensor, inverse: Tensor) -> Tensor:
    """(batch, 3) the rotation vector that fits a field of displacements best, in the field's units per Angstrom."""
    momentum = torch.linalg.cross(arm, field).sum(1)
    return (inverse @ momentum.unsqueeze(-1)).squeeze(-1)
