"""The edges of the all-atom graph of a pose: ligand atoms, residues (C-alpha) and receptor heavy atoms."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from disco_dock.graph.receptor_atoms import AtomGraphConfig, ReceptorAtomBatch
from disco_dock.graph.schema import GraphBatch
from disco_dock.models.layers.embeddings import EdgeEmbedding, GaussianExpansion, time_embedding
from disco_dock.models.layers.irreps import Channels, published_channels
from disco_dock.models.layers.star_convolution import Stars
from disco_dock.models.layers.tensor_product import SQRT3
from disco_dock.models.trunk import DISTANCES, NUM_BOND_TYPES
from disco_dock.runtime.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class AllAtomConfig:
    """Sizes and cut-offs of the all-atom message passing; the defaults are the published ones.

    Attributes:
        scalars: channels of 0e, of 0o and of edge embeddings.
        vectors: channels of 1o and of 1e.
        layers: convolutions; the last one updates the ligand only.
        time_dim: size of the embedding of t = 0, which is always the same.
        lm_dim: size of language-model features per residue, 0 for none.
        ligand_radius: Angstrom, ligand-ligand edges; last Gaussian of distances between atoms of one kind.
        receptor_radius: Angstrom, residue <- residue edges.
        receptor_neighbours: at most so many sources per residue.
        atom_graph: edges between receptor atoms.
        residue_cutoff: Angstrom, ligand-residue edges.
        atom_cutoff: Angstrom, edges between ligand atoms and receptor atoms.
        receptor_distance_stop: Angstrom, last Gaussian of distances from residues to residues and to their atoms.
        cross_distance_stop: Angstrom, last Gaussian of distances between ligand and receptor.
        dropout: rate in the edge networks.
    """

    scalars: int = 24
    vectors: int = 6
    layers: int = 5
    time_dim: int = 32
    lm_dim: int = 1280
    ligand_radius: float = 5.0
    receptor_radius: float = 15.0
    receptor_neighbours: int = 24
    atom_graph: AtomGraphConfig = field(default_factory=AtomGraphConfig)
    residue_cutoff: float = 20.0
    atom_cutoff: float = 5.0
    receptor_distance_stop: float = 30.0
    cross_distance_stop: float = 80.0
    dropout: float = 0.1

    def __post_init__(self) -> None:
        """Check ranges."""
        for name, least in (("scalars", 1), ("vectors", 0), ("layers", 2), ("lm_dim", 0), ("receptor_neighbours", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"all_atom.{name} must be at least {least}, got {getattr(self, name)}")
        if self.time_dim < 4 or self.time_dim % 2:
            raise ConfigError(f"all_atom.time_dim must be even and at least 4, got {self.time_dim}")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"all_atom.dropout must be in [0, 1), got {self.dropout}")

    @property
    def hidden(self) -> int:
        """Hidden activations of the edge networks."""
        return 3 * self.scalars

    def channels(self, layer: int) -> Channels:
        """Channels that enter convolution `layer`."""
        return published_channels(layer, self.scalars, self.vectors)


def time_zero(dim: int, like: Tensor) -> Tensor:
    """(dim,) embedding of t = 0: zeros, then ones."""
    return time_embedding(like.new_zeros(()), dim, scale=1.0)


def required_atoms(batch: GraphBatch) -> ReceptorAtomBatch:
    """The receptor atoms of a batch.

    Raises:
        ConfigError: it has none.
    """
    if batch.rec_atoms is None:
        raise ConfigError(
            "this checkpoint's confidence network reads the receptor's heavy atoms and the graph has none; build it "
            "from a full-atom structure or use another checkpoint"
        )
    return batch.rec_atoms


def numbered(index: Tensor, size: int) -> Tensor:
    """Node indices (batch, ...) within each complex to numbers through the batch, `size` nodes per complex."""
    first = size * torch.arange(len(index), device=index.device)
    return index + first.view(-1, *([1] * (index.dim() - 1)))


def slots(near: Tensor) -> tuple[Tensor, Tensor]:
    """Columns (rows, most) of the true entries of `near` (rows, columns) int64, and their mask."""
    count = near.sum(1)
    row, column = near.nonzero().unbind(1)
    slot = torch.arange(len(row), device=near.device) - (count.cumsum(0) - count)[row]
    most = max(int(count.max()), 1) if len(near) else 1
    index = column.new_zeros(len(near), most)
    index[row, slot] = column
    return index, torch.arange(most, device=near.device) < count[:, None]


class AllAtomEdges(nn.Module):
    """Stars with their embeddings; each kind of edge has an embedding network of its own.

    Reverse directions share edges, embeddings and the direction of the vector, as published. Vectors run from ligand
    to receptor, from receptor atom to its residue, and else from target to source.
    """

    def __init__(self, config: AllAtomConfig) -> None:
        super().__init__()
        self.config = config
        parts = {"time": config.time_dim, "distance": DISTANCES}
        kinds = ("ligand_residue", "ligand_atom", "residue_residue", "residue_atom", "atom_atom")
        networks = {kind: EdgeEmbedding(parts, config.scalars, config.dropout) for kind in kinds}
        networks["ligand_ligand"] = EdgeEmbedding({"bond": NUM_BOND_TYPES, **parts}, config.scalars, config.dropout)
        self.networks = nn.ModuleDict(networks)
        short, middle = GaussianExpansion(config.ligand_radius), GaussianExpansion(config.receptor_distance_stop)
        long = GaussianExpansion(config.cross_distance_stop)
        self.expansions = {
            "ligand_ligand": short,
            "atom_atom": short,
            "residue_residue": middle,
            "residue_atom": middle,
            "ligand_residue": long,
            "ligand_atom": long,
        }

    def _stars(
        self, kind: str, centre: Tensor, partner: Tensor, mask: Tensor, vector: Tensor, bond: Tensor | None = None
    ) -> Stars:
        """Stars with embeddings, from numbered nodes and the vectors (stars, slots, 3) of the edges."""
        vector = torch.where(mask.unsqueeze(-1), vector, 0.0)
        values = {
            "time": time_zero(self.config.time_dim, vector),
            "distance": self.expansions[kind](vector.norm(dim=-1)),
        }
        if bond is not None:
            values["bond"] = bond
        direction = SQRT3 * nn.functional.normalize(vector, dim=-1, eps=1e-12)
        return Stars(centre, partner, mask, self.networks[kind](values), direction)

    def receptor(self, batch: GraphBatch) -> dict[str, Stars]:
        """Edges within the receptors, by kind.

        Raises:
            ConfigError: the batch has no receptor atoms.
        """
        atoms = required_atoms(batch)
        residue = batch.rec_mask.flatten().nonzero().squeeze(1)
        rec_pos, atom_pos = batch.rec_pos.flatten(0, 1), atoms.pos.flatten(0, 1)
        num_residues, num_atoms = batch.num_residues, atoms.mask.shape[1]
        near = numbered(batch.rec_neighbour, num_residues).flatten(0, 1)[residue]
        near_mask = batch.rec_neighbour_mask.flatten(0, 1)[residue]
        member = numbered(atoms.member, num_atoms).flatten(0, 1)[residue]
        member_mask = atoms.member_mask.flatten(0, 1)[residue]
        atom = atoms.mask.flatten().nonzero().squeeze(1)
        other = numbered(atoms.neighbour, num_atoms).flatten(0, 1)[atom]
        other_mask = atoms.neighbour_mask.flatten(0, 1)[atom]
        here, there = rec_pos[residue].unsqueeze(1), atom_pos[atom].unsqueeze(1)
        return {
            "residue_residue": self._stars("residue_residue", residue, near, near_mask, rec_pos[near] - here),
            "residue_atom": self._stars("residue_atom", residue, member, member_mask, here - atom_pos[member]),
            "atom_atom": self._stars("atom_atom", atom, other, other_mask, there - atom_pos[other]),
        }

    def ligand(self, batch: GraphBatch, pos: Tensor) -> dict[str, Stars]:
        """Edges of the ligand atoms, by kind.

        Args:
            batch: graphs.
            pos: (batch, atoms, 3) poses in Angstrom.
        """
        atoms = required_atoms(batch)
        real = batch.lig_mask.flatten().nonzero().squeeze(1)
        row = real // batch.num_atoms
        return {
            "ligand_ligand": self._within_ligand(batch, pos, real, row),
            "ligand_residue": self._across(
                "ligand_residue", pos, real, row, batch.rec_pos, batch.rec_mask, self.config.residue_cutoff
            ),
            "ligand_atom": self._across("ligand_atom", pos, real, row, atoms.pos, atoms.mask, self.config.atom_cutoff),
        }

    def _across(
        self, kind: str, pos: Tensor, real: Tensor, row: Tensor, other: Tensor, mask: Tensor, cutoff: float
    ) -> Stars:
        """Stars of ligand atoms with the receptor's nodes (batch, nodes, 3) within a cut-off."""
        distance = torch.cdist(pos, other, compute_mode="donot_use_mm_for_euclid_dist")
        near, found = slots(((distance < cutoff) & mask.unsqueeze(1)).flatten(0, 1)[real])
        partner = near + (row * other.shape[1]).unsqueeze(1)
        vector = other.flatten(0, 1)[partner] - pos.flatten(0, 1)[real].unsqueeze(1)
        return self._stars(kind, real, partner, found, vector)

    def _within_ligand(self, batch: GraphBatch, pos: Tensor, real: Tensor, row: Tensor) -> Stars:
        """Radius edges, then bonds; a bonded pair within the radius has both."""
        num = batch.num_atoms
        distance = torch.cdist(pos, pos, compute_mode="donot_use_mm_for_euclid_dist")
        others = ~torch.eye(num, dtype=torch.bool, device=pos.device)
        near, found = slots(
            ((distance < self.config.ligand_radius) & others & batch.lig_mask.unsqueeze(1)).flatten(0, 1)[real]
        )
        bonded, bond_mask, kind = (
            value.flatten(0, 1)[real] for value in (batch.bond_neighbour, batch.bond_mask, batch.bond_type)
        )
        partner = torch.cat([near, bonded], 1) + (row * num).unsqueeze(1)
        bond = nn.functional.one_hot(kind, NUM_BOND_TYPES).to(pos.dtype)
        bond = torch.cat([bond.new_zeros(*near.shape, NUM_BOND_TYPES), bond], 1)
        flat = pos.flatten(0, 1)
        vector = flat[partner] - flat[real].unsqueeze(1)
        return self._stars("ligand_ligand", real, partner, torch.cat([found, bond_mask], 1), vector, bond)
