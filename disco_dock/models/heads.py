"""Read-outs of the score model: translation and rotation at the centroid, one torsion score per rotatable bond."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from disco_dock.geometry.rigid import centroid
from disco_dock.graph.schema import GraphBatch
from disco_dock.models.layers.embeddings import EdgeEmbedding, GaussianExpansion
from disco_dock.models.layers.irreps import Channels, Features
from disco_dock.models.layers.normalisation import make_norm
from disco_dock.models.layers.tensor_product import SQRT3, ProductMix, aggregate_slots, harmonics
from disco_dock.models.trunk import DISTANCES, TrunkConfig


def edge_hidden(first: nn.Linear, dropout: nn.Dropout, value: Tensor, mask: Tensor) -> Tensor:
    """(batch, targets, slots, hidden + 1) masked activations and the constant one.

    Args:
        first: first layer of the edge network.
        dropout: applied to the activations.
        value: (batch, targets, slots, inputs).
        mask: (batch, targets, slots) of 0 and 1.
    """
    hidden = dropout(torch.relu(first(value)))
    return torch.cat([hidden, torch.ones_like(hidden[..., :1])], -1) * mask.unsqueeze(-1)


class RigidHead(nn.Module):
    """Translation and rotation vectors from a convolution onto the ligand centroid.

    The outputs add an odd and an even vector, so they respect rotations but not reflections, as published.
    """

    outputs = Channels(0, 2, 2, 0)

    def __init__(self, config: TrunkConfig, inputs: Channels) -> None:
        super().__init__()
        width = config.scalars
        self.distance = GaussianExpansion(config.receptor_distance_stop)
        self.edges = EdgeEmbedding({"distance": DISTANCES, "time": config.time_dim}, width, config.dropout)
        self.first = nn.Linear(2 * width, 2 * width)
        self.dropout = nn.Dropout(config.dropout)
        self.mix = ProductMix(inputs, self.outputs, 2 * width)
        self.norm = make_norm("batch", self.outputs) if config.norm == "batch" else None
        self.tr_size = nn.Sequential(
            nn.Linear(1 + config.time_dim, width), nn.Dropout(config.dropout), nn.ReLU(), nn.Linear(width, 1)
        )
        self.rot_size = nn.Sequential(
            nn.Linear(1 + config.time_dim, width), nn.Dropout(config.dropout), nn.ReLU(), nn.Linear(width, 1)
        )

    def forward(self, batch: GraphBatch, pos: Tensor, ligand: Features, time: Tensor) -> tuple[Tensor, Tensor]:
        """Unscaled translation and rotation vectors, (batch, 3) each."""
        centre = centroid(pos, batch.lig_mask)
        offset = (pos - centre.unsqueeze(1)).unsqueeze(1)  # (batch, 1, atoms, 3)
        values = {"distance": self.distance(offset.norm(dim=-1)), "time": time[:, None, None]}
        edge = torch.cat([self.edges(values), ligand.even_scalars.unsqueeze(1)], -1)
        mask = batch.lig_mask.to(pos.dtype).unsqueeze(1)
        hidden = edge_hidden(self.first, self.dropout, edge, mask)
        total = self.mix(aggregate_slots(hidden, harmonics(offset), ligand.flat().unsqueeze(1)))
        mean = total.map(lambda x: x.squeeze(1)).scale(1.0 / mask.sum((1, 2)).clamp_min(1.0))
        if self.norm is not None:
            mean = self.norm(mean, torch.ones(len(pos), dtype=torch.bool, device=pos.device))
        vectors = mean.odd_vectors + mean.even_vectors  # (batch, 3, 2)
        return (
            _resize(vectors[..., 0], self.tr_size, time),
            _resize(vectors[..., 1], self.rot_size, time),
        )


def _resize(vector: Tensor, network: nn.Module, time: Tensor) -> Tensor:
    """The vector's direction times a learnt size; a zero vector stays zero."""
    norm = torch.linalg.vector_norm(vector, dim=-1, keepdim=True)
    return vector / norm.clamp_min(1e-12) * network(torch.cat([norm, time], -1))


class TorsionHead(nn.Module):
    """A torsion pseudo-scalar per rotatable bond from the ligand atoms around its midpoint.

    With unit vectors a (midpoint to atom) and b (bond), the only part of the tensor product of their harmonics that
    couples to the outputs is the odd vector sqrt(3/2) (3 (a.b) b - a).
    """

    def __init__(self, config: TrunkConfig, inputs: Channels) -> None:
        super().__init__()
        width = config.scalars
        self.inputs, self.radius = inputs, config.ligand_radius
        self.distance = GaussianExpansion(config.ligand_radius)
        self.edges = EdgeEmbedding({"distance": DISTANCES}, width, config.dropout)
        self.first = nn.Linear(3 * width, 3 * width)
        self.dropout = nn.Dropout(config.dropout)
        bound = 1 / math.sqrt(3 * width)
        self.weights = nn.ParameterList(
            nn.Parameter(torch.empty(3 * width + 1, channels, width).uniform_(-bound, bound))
            for channels in (inputs.even_vectors, inputs.odd_vectors)  # feeding 0o and 0e
        )
        self.outputs = Channels(width, 0, 0, width)
        self.norm = make_norm("batch", self.outputs) if config.norm == "batch" else None
        self.size = nn.Sequential(
            nn.Linear(2 * width, width, bias=False),
            nn.Tanh(),
            nn.Dropout(config.dropout),
            nn.Linear(width, 1, bias=False),
        )

    def forward(self, batch: GraphBatch, pos: Tensor, ligand: Features) -> Tensor:
        """(batch, torsions) unscaled torsion scores, zero in padded slots."""
        bonds = batch.topology.bonds
        if bonds.shape[1] == 0:
            return pos.new_zeros(len(pos), 0)
        rows = torch.arange(len(pos), device=pos.device)[:, None]
        held, moved = pos[rows, bonds[..., 0]], pos[rows, bonds[..., 1]]
        bond = torch.nn.functional.normalize(moved - held, dim=-1, eps=1e-12).unsqueeze(2)
        offset = pos.unsqueeze(1) - ((held + moved) / 2).unsqueeze(2)  # (batch, torsions, atoms, 3)
        distance = offset.norm(dim=-1)
        near = (distance < self.radius) & batch.lig_mask.unsqueeze(1) & batch.torsion_mask.unsqueeze(2)
        mask = near.to(pos.dtype)
        atom = torch.nn.functional.normalize(offset, dim=-1, eps=1e-12)
        direction = math.sqrt(1.5) * (3 * (atom * bond).sum(-1, keepdim=True) * bond - atom)

        scalars = ligand.even_scalars
        ends = (scalars[rows, bonds[..., 0]] + scalars[rows, bonds[..., 1]]).unsqueeze(2)
        edge = self.edges({"distance": self.distance(distance)})
        shape = edge.shape
        value = torch.cat([edge, scalars.unsqueeze(1).expand(shape), ends.expand(shape)], -1)
        hidden = edge_hidden(self.first, self.dropout, value, mask).transpose(2, 3)  # (batch, torsions, hidden, atoms)
        sums = []
        for vectors, weight in zip((ligand.even_vectors, ligand.odd_vectors), self.weights, strict=True):
            dots = torch.einsum("btac,bacn->btan", direction, vectors) / SQRT3
            flat = weight.flatten(0, 1) / math.sqrt(max(weight.shape[1], 1))
            sums.append((hidden @ dots).flatten(-2) @ flat)
        count = mask.sum(2).clamp_min(1.0).unsqueeze(-1)
        pseudo, even = sums[0] / count, sums[1] / count
        if self.norm is not None:
            empty = pseudo.new_zeros(*pseudo.shape[:-1], 3, 0)
            normed = self.norm(Features(even, empty, empty, pseudo), batch.torsion_mask)
            pseudo, even = normed.odd_scalars, normed.even_scalars
        return self.size(torch.cat([pseudo, even], -1)).squeeze(-1) * batch.torsion_mask.to(pos.dtype)
