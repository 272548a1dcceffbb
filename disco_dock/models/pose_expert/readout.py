"""What the atoms' vectors say of the whole pose: its displacement, its turn, and the turn about each rotatable bond.

Everything is an even scalar times a vector, a torque or a triple product, so scores turn with the pose and, as torques
do, change sign in a mirror.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from disco_dock.diffusion.schedule import Sigmas
from disco_dock.geometry.rigid import centroid
from disco_dock.graph.ligand_batch import LigandBatch
from disco_dock.models.displacement_head import Motion, displacement_scale, inverse_inertia, turn_of
from disco_dock.models.pose_expert.config import PoseExpertConfig
from disco_dock.models.pose_expert.noise import NOISE_FEATURES

SOFTENING = 0.5
"""Added to moments of inertia in Angstrom squared, so that a side close to the axis does not turn wildly."""


class _Sides(NamedTuple):
    """One side of each rotatable bond: torques (rows, torsions, fields), inertia and atoms (rows, torsions)."""

    torque: Tensor
    inertia: Tensor
    atoms: Tensor

    def turn(self) -> Tensor:
        """(rows, torsions, fields) angles in the fields' units per Angstrom."""
        return self.torque / (self.inertia + SOFTENING)[..., None]

    def unit_turn(self) -> Tensor:
        """The same times the radius of gyration about the axis."""
        return self.turn() * (self.inertia / self.atoms.clamp_min(1.0) + 1e-6).sqrt()[..., None]


class PoseReadout(nn.Module):
    """Displacements of the atoms, and the scores of translation, rotation and torsions that follow from them."""

    def __init__(self, config: PoseExpertConfig) -> None:
        super().__init__()
        width, vectors, time = config.scalars, config.vectors, NOISE_FEATURES
        self.fields = 2 + config.torsion_fields  # displacement, rotation, torsions
        self.gates = nn.Sequential(
            nn.Linear(width + vectors + time, width), nn.SiLU(), _scaled(nn.Linear(width, self.fields * vectors), 0.3)
        )
        self.rigid_sizes = nn.Sequential(nn.Linear(3 + time, 32), nn.SiLU(), _scaled(nn.Linear(32, 3), 0.0))
        self.torsion_inputs = nn.Linear(4 * width + 3 + time, width)
        self.torsion_weights = nn.Sequential(
            nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2 * self.fields + vectors)
        )

    def forward(
        self, ligands: LigandBatch, pos: Tensor, scalars: Tensor, vectors: Tensor, time: Tensor, sigma: Sigmas
    ) -> Motion:
        """The displacements and what follows from them, in units of the noise.

        Args:
            ligands: (rows).
            pos: (rows, atoms, 3) Angstrom.
            scalars: (rows, atoms, scalars) from the layers.
            vectors: (rows, atoms, 3, vectors).
            time: (rows, noise features) of the noise levels.
            sigma: noise levels, (rows,) each.
        """
        mask = ligands.mask.unsqueeze(-1).to(pos.dtype)
        sizes = (vectors.square().sum(2) + 1e-6).sqrt()
        at_atom = time.unsqueeze(1).expand(-1, pos.shape[1], -1)
        gates = self.gates(torch.cat([scalars, sizes, at_atom], -1)).unflatten(-1, (vectors.shape[-1], self.fields))
        fields = (vectors @ gates) * mask.unsqueeze(-1)  # (rows, atoms, 3, fields)

        sigma_tr, sigma_rot, sigma_tor = (torch.as_tensor(value).to(pos.dtype)[:, None] for value in sigma)
        scale = displacement_scale(pos, ligands.mask, sigma)
        move = fields[..., 0] * scale[:, None, None]  # Angstrom
        count = mask.sum(1).clamp_min(1.0)
        arm = (pos - centroid(pos, ligands.mask).unsqueeze(1)) * mask
        reach = (arm.square().sum((1, 2)) / count.squeeze(-1)).sqrt()[:, None]  # gyration radius
        inverse = inverse_inertia(arm)
        turn = turn_of(arm, move, inverse)
        facts = torch.cat([reach.log1p(), count.log(), (scale[:, None] / sigma_tr).log(), time], -1)
        tr_size, rot_size, free_size = (1 + self.rigid_sizes(facts)).split(1, -1)
        drift = move.sum(1) / count
        tr = drift / sigma_tr * tr_size
        rot = turn / sigma_rot * rot_size + turn_of(arm, fields[..., 1], inverse) * reach * free_size
        inner = (move - drift.unsqueeze(1) - torch.linalg.cross(turn.unsqueeze(1).expand_as(arm), arm)) * mask
        # the inner displacement counts in radians over sigma, the free fields as they are
        fields = torch.cat([(inner / sigma_tor.unsqueeze(2)).unsqueeze(-1), fields[..., 1:]], -1)
        tor = self._torsions(ligands, pos, scalars * mask, vectors, fields, time)
        return Motion(move / scale[:, None, None], tr, rot, tor)

    def _torsions(
        self, ligands: LigandBatch, pos: Tensor, scalars: Tensor, vectors: Tensor, fields: Tensor, time: Tensor
    ) -> Tensor:
        """(rows, torsions) turns of the moved side of each bond against the held side, zero in padded slots."""
        bonds = ligands.bonds
        if bonds.shape[1] == 0:
            return pos.new_zeros(len(pos), 0)
        rows = torch.arange(len(pos), device=pos.device)[:, None]
        held, moved = bonds.unbind(-1)
        axis = torch.nn.functional.normalize(pos[rows, held] - pos[rows, moved], dim=-1, eps=1e-12)
        arm = pos.unsqueeze(1) - pos[rows, moved].unsqueeze(2)  # (rows, torsions, atoms, 3)
        around = torch.linalg.cross(axis.unsqueeze(2).expand_as(arm), arm)
        real = ligands.torsion_mask.unsqueeze(2) & ligands.mask.unsqueeze(1)

        def side(atoms: Tensor) -> tuple[_Sides, Tensor]:
            weight = atoms.to(pos.dtype)
            pushed = (around * weight[..., None]).flatten(2) @ fields.flatten(1, 2)  # sums over atoms and components
            inertia = (around.square().sum(-1) * weight).sum(2)
            number = weight.sum(2)
            return _Sides(pushed, inertia, number), (weight @ scalars) / number.clamp_min(1.0)[..., None]

        far, far_mean = side(ligands.moved & real)
        near, near_mean = side(~ligands.moved & real)
        triple = (torch.linalg.cross(vectors[rows, held], vectors[rows, moved], dim=-2) * axis[..., None]).sum(-2)
        turns = torch.cat([far.turn() - near.turn(), far.unit_turn() - near.unit_turn(), triple], -1)
        first, second = scalars[rows, held], scalars[rows, moved]
        facts = [far.inertia.log1p()[..., None], near.inertia.log1p()[..., None], far.atoms.log1p()[..., None]]
        at_bond = time.unsqueeze(1).expand(-1, bonds.shape[1], -1)
        inputs = torch.cat([first + second, first * second, far_mean, near_mean, *facts, at_bond], -1)
        weights = self.torsion_weights(self.torsion_inputs(inputs))
        return (turns * weights).sum(-1) * ligands.torsion_mask.to(pos.dtype)


def _scaled(layer: nn.Linear, factor: float) -> nn.Linear:
    """The layer with its weights times a factor and no bias to begin with."""
    with torch.no_grad():
        layer.weight.mul_(factor)
        layer.bias.zero_()
    return layer
