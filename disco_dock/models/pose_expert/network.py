"""The pose expert: scores of poses at low noise from every heavy atom around the ligand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from scipy.spatial import KDTree
from torch import Tensor, nn

from disco_dock.chem.ligand_features import ATOM_FEATURE_SIZES, NUM_BOND_TYPES
from disco_dock.chem.structures.protein_atoms import KINDS
from disco_dock.diffusion.schedule import Scores, Sigmas
from disco_dock.diffusion.so3 import IGSO3Table
from disco_dock.diffusion.torus import score_norm as torus_score_norm
from disco_dock.graph.heavy_atoms import MAX_CROWD, HeavyAtoms
from disco_dock.graph.ligand_batch import FAR_BONDS, LigandBatch, hops
from disco_dock.models.layers.embeddings import CategoryEmbedding
from disco_dock.models.pose_expert.config import PoseExpertConfig
from disco_dock.models.pose_expert.layers import BondLayer, PoseLayer, ReceptorLayer
from disco_dock.models.pose_expert.noise import NOISE_FEATURES, noise_features
from disco_dock.models.pose_expert.pairs import ANGLES, Points, ligand_sides, make_pairs, near_ligand, near_receptor
from disco_dock.models.pose_expert.readout import PoseReadout
from disco_dock.models.score import ScoreOutput

TYPICAL_CROWD = 40.0  # heavy atoms within 6 Angstrom inside a protein


class Receptors(NamedTuple):
    """What the expert knows of one or more receptors before it sees a pose.

    Attributes:
        scalars: (atoms, scalars).
        pos: (atoms, 3) Angstrom.
        side: (atoms, 3) side vectors.
        starts: first atom of each receptor, and the end.
    """

    scalars: Tensor
    pos: Tensor
    side: Tensor
    starts: tuple[int, ...]


class LigandState(NamedTuple):
    """What the expert knows of ligands before it sees a pose.

    Attributes:
        scalars: (ligands, atoms, scalars).
        hops: (ligands, atoms, atoms) int64 bonds between two atoms.
    """

    scalars: Tensor
    hops: Tensor

    def repeat_interleave(self, copies: int) -> LigandState:
        """Each ligand `copies` times in a row."""
        return LigandState(*(part.repeat_interleave(copies, 0) for part in self))

    def take(self, rows: Tensor) -> LigandState:
        """A batch whose row k is ligand `rows[k]`."""
        return LigandState(*(part[rows] for part in self))


class PoseExpert(nn.Module):
    """Scores of translation, rotation and torsions of poses near their place, at noise levels within `config.noise`."""

    def __init__(self, config: PoseExpertConfig) -> None:
        super().__init__()
        self.config = config
        width = config.scalars
        pair = config.radial + ANGLES
        self.kinds = nn.Embedding(len(KINDS), width)
        self.crowd = nn.Linear(1, width)
        self.receptor_layers = nn.ModuleList(
            ReceptorLayer(width, config.vectors, pair) for _ in range(config.receptor_layers)
        )
        self.atoms = CategoryEmbedding(ATOM_FEATURE_SIZES, width)
        self.bond_layers = nn.ModuleList(BondLayer(width, NUM_BOND_TYPES) for _ in range(config.bond_layers))
        self.layers = nn.ModuleList(
            PoseLayer(width, config.vectors, pair, pair + FAR_BONDS, NOISE_FEATURES) for _ in range(config.layers)
        )
        self.readout = PoseReadout(config)

    def receptors(self, parts: Sequence[HeavyAtoms]) -> Receptors:
        """What it makes of receptors alone; to be shared between all calls with them."""
        counts = [len(part.pos) for part in parts]
        starts = [0]
        for count in counts:
            starts.append(starts[-1] + count)
        kind, _, pos, side, crowd = (torch.cat(column) for column in zip(*parts, strict=True))
        crowded = crowd.clamp_max(MAX_CROWD).to(pos.dtype) / TYPICAL_CROWD
        scalars = self.kinds(kind) + self.crowd(crowded[:, None])
        if self.config.receptor_layers:
            target, source = _bonded(parts, starts, self.config.receptor_cutoff)
            points = Points(pos, side)
            pairs = make_pairs(target, source, points, points, self.config.receptor_cutoff, self.config.radial)
            for layer in self.receptor_layers:
                scalars = layer(scalars, pairs)
        return Receptors(scalars, pos, side, tuple(starts))

    def ligands(self, batch: LigandBatch) -> LigandState:
        """What it makes of ligands before they have a pose; to be shared between all calls with them."""
        scalars = self.atoms(batch.features)
        for layer in self.bond_layers:
            scalars = layer(scalars, batch.bond_neighbour, batch.bond_type, batch.bond_mask)
        return LigandState(scalars, hops(batch))

    def forward(
        self,
        batch: LigandBatch,
        pos: Tensor,
        sigma: Sigmas,
        table: IGSO3Table,
        *,
        ligands: LigandState,
        receptors: Receptors,
        owner: Sequence[int],
    ) -> ScoreOutput:
        """Scores and displacements of a batch of poses.

        Args:
            batch: ligands, one per row.
            pos: (rows, atoms, 3) Angstrom.
            sigma: noise levels, (rows,) each, in any combination within `config.noise`.
            table: IGSO(3) table, for the scale of the rotation score.
            ligands: from `ligands`, one per row.
            receptors: from `receptors`.
            owner: receptor of each row; rows of one receptor are adjacent.

        Returns:
            Scores tr (rows, 3) per Angstrom, rot (rows, 3) and tor (rows, torsions) per radian; displacements (rows,
            atoms, 3) to the clean pose in units of `displacement_head.displacement_scale`.
        """
        config = self.config
        rows, atoms = batch.mask.shape
        time = noise_features(sigma, config.noise).to(pos.dtype)
        side = ligand_sides(pos, batch.bond_neighbour, batch.bond_mask)
        points = Points(pos.reshape(-1, 3), side.reshape(-1, 3))
        around = Points(receptors.pos, receptors.side)
        target, source = near_receptor(pos, batch.mask, receptors.pos, receptors.starts, owner, config.cutoff)
        outer = make_pairs(target, source, points, around, config.cutoff, config.radial)
        target, source = near_ligand(pos, batch.mask, config.ligand_cutoff)
        apart = ligands.hops.reshape(-1)[target * atoms + source % atoms]
        apart = nn.functional.one_hot(apart - 1, FAR_BONDS).to(pos.dtype)
        inner = make_pairs(target, source, points, points, config.ligand_cutoff, config.radial, apart)

        scalars = ligands.scalars.flatten(0, 1)
        vectors = scalars.new_zeros(len(scalars), 3, config.vectors)
        at_atom = time.repeat_interleave(atoms, 0)
        for layer in self.layers:
            scalars, vectors = layer(scalars, vectors, receptors.scalars, at_atom, outer, inner)
        scalars = nn.functional.layer_norm(scalars, (config.scalars,))
        shape = (rows, atoms)
        motion = self.readout(batch, pos, scalars.unflatten(0, shape), vectors.unflatten(0, shape), time, sigma)
        rot_norm = table.score_norm(torch.as_tensor(sigma.rot)).to(pos.dtype)
        tor_norm = torus_score_norm(torch.as_tensor(sigma.tor)).to(pos.dtype)
        tr = motion.tr / torch.as_tensor(sigma.tr)[:, None]
        return ScoreOutput(
            Scores(tr, motion.rot * rot_norm[:, None], motion.tor * tor_norm.sqrt()[:, None]), motion.field
        )


def _bonded(parts: Sequence[HeavyAtoms], starts: Sequence[int], cutoff: float) -> tuple[Tensor, Tensor]:
    """Pairs of receptor atoms less than a distance apart, both ways, by the first."""
    found = []
    for part, start in zip(parts, starts, strict=False):
        near = KDTree(part.pos.double().cpu().numpy()).query_pairs(cutoff, output_type="ndarray")
        found.append(torch.from_numpy(near) + start)
    pairs = torch.cat(found).to(parts[0].pos.device)
    both = torch.cat([pairs, pairs.flip(1)])
    order = torch.argsort(both[:, 0], stable=True)
    return both[order, 0], both[order, 1]
