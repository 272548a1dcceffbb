"""The contact score of poses: Vina energies, and a small network on the surroundings of each ligand atom."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from disco_dock.runtime.errors import ConfigError

ANGLES = 3
"""Of a pair, see `NearAtoms`."""
TABLE_SCALE, ANGLE_TABLE_SCALE = 0.1, 0.03
SUM_SCALE = 0.3
"""Factor on an atom's summed surroundings (some hundred terms) before the nonlinearity."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactScorerConfig:
    """Sizes of the contact score.

    Attributes:
        members: networks whose scores are averaged.
        hidden: channels of an atom's surroundings, and hidden width.
        receptor_classes: of receptor atoms.
        ligand_features: of ligand atoms.
        knots: increasing distances in Angstrom; interpolated in between, zero from the last on.
        angle_knots: the same for what depends on angles too; none for a score that does not.
        dropout: of the surroundings and of the hidden layer, in training.
    """

    members: int = 8
    hidden: int = 32
    receptor_classes: int = 32
    ligand_features: int = 81
    knots: tuple[float, ...] = (2.4, 2.8, 3.1, 3.4, 3.7, 4.0, 4.4, 4.8, 5.3, 5.8, 6.5, 7.2, 8.0)
    angle_knots: tuple[float, ...] = ()
    dropout: float = 0.2

    def __post_init__(self) -> None:
        """Check the sizes."""
        sizes = (self.members, self.hidden, self.receptor_classes, self.ligand_features)
        if min(sizes) < 1:
            raise ConfigError(
                f"contacts: members, hidden, receptor_classes and ligand_features must be positive: {sizes}"
            )
        for name, knots in (("knots", self.knots), ("angle_knots", self.angle_knots or (1.0, 2.0))):
            if len(knots) < 2 or knots[0] <= 0 or list(knots) != sorted(set(knots)):
                raise ConfigError(f"contacts.{name} must be two or more increasing distances in Angstrom, got {knots}")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"contacts.dropout must be at least 0 and below 1, got {self.dropout}")

    @property
    def cutoff(self) -> float:
        """Distance in Angstrom beyond which receptor atoms do not count."""
        return self.knots[-1]


class PoseContacts(NamedTuple):
    """Poses of one ligand as the contact score sees them; P poses, L heavy atoms.

    Attributes:
        first: (P * L,) int64 first pair of each atom of each pose; pairs are ordered by it.
        receptor_class: (pairs,) int64 of the receptor atom.
        distance: (pairs,) Angstrom.
        angles: (pairs, ANGLES) as of `NearAtoms`.
        ligand: (L, ligand features).
        energy: (P, 2) Vina energy with the receptor and inside the ligand, kcal/mol.
    """

    first: Tensor
    receptor_class: Tensor
    distance: Tensor
    angles: Tensor
    ligand: Tensor
    energy: Tensor

    def pairs_of_atoms(self) -> Tensor:
        """(P * L,) int64 number of pairs of each atom of each pose."""
        return torch.diff(self.first, append=self.first.new_tensor([len(self.distance)]))

    def poses(self, kept: Tensor) -> PoseContacts:
        """Some of the poses.

        Args:
            kept: (P,) bool.
        """
        atoms = kept.repeat_interleave(len(self.ligand))
        counts = self.pairs_of_atoms()
        pairs = atoms.repeat_interleave(counts)
        first = counts[atoms].cumsum(0) - counts[atoms]
        near = (self.receptor_class[pairs], self.distance[pairs], self.angles[pairs])
        return PoseContacts(first, *near, self.ligand, self.energy[kept])


class ContactScorer(nn.Module):
    """An ensemble of networks of one form; the first axis of each parameter is the member.

    Score = sum over ligand atoms of a learnt function of their surroundings, minus the weighted Vina energies.

    The surroundings of an atom are a sum of vectors, one for each receptor atom, looked up by class and distance, and
    of nearby ones further vectors times each of the angles. Features of the ligand atom scale and shift the sum.
    """

    knots: Tensor
    angle_knots: Tensor

    def __init__(self, config: ContactScorerConfig) -> None:
        super().__init__()
        self.config = config
        members, hidden, features = config.members, config.hidden, config.ligand_features
        rows = config.receptor_classes * len(config.knots)
        self.table = nn.Parameter(torch.randn(members, rows, hidden) * TABLE_SCALE)
        self.scale = nn.Parameter(_linear(members, features, hidden))
        self.shift = nn.Parameter(_linear(members, features, hidden))
        self.inner = nn.Parameter(_linear(members, hidden, hidden))
        self.inner_bias = nn.Parameter(torch.zeros(members, hidden))
        self.outer = nn.Parameter(torch.zeros(members, hidden))
        self.energy_weight = nn.Parameter(torch.ones(members, 2))
        if config.angle_knots:
            rows = ANGLES * config.receptor_classes * len(config.angle_knots)
            self.angle_table = nn.Parameter(torch.randn(members, rows, hidden) * ANGLE_TABLE_SCALE)
        self.register_buffer("knots", torch.tensor(config.knots, dtype=torch.float64), persistent=False)
        self.register_buffer("angle_knots", torch.tensor(config.angle_knots, dtype=torch.float64), persistent=False)

    def forward(self, contacts: PoseContacts) -> Tensor:
        """(members, P) scores, higher is better; roughly log probabilities."""
        atoms = len(contacts.ligand)
        poses = len(contacts.first) // atoms
        surroundings = self._surroundings(contacts).reshape(poses, atoms, self.config.members, -1)
        surroundings = F.dropout(surroundings, self.config.dropout, self.training)
        scale = torch.einsum("lf,mfh->lmh", contacts.ligand, self.scale)
        shift = torch.einsum("lf,mfh->lmh", contacts.ligand, self.shift)
        state = F.silu(SUM_SCALE * surroundings * (1 + scale) + shift)
        state = F.silu(torch.einsum("plmh,mhk->plmk", state, self.inner) + self.inner_bias)
        state = F.dropout(state, self.config.dropout, self.training)
        learnt = torch.einsum("plmk,mk->mp", state, self.outer)
        return learnt - self.energy_weight @ contacts.energy.T

    def member(self, number: int) -> ContactScorer:
        """A scorer of one member, with copies of its weights."""
        alone = ContactScorer(replace(self.config, members=1)).to(self.table)
        alone.load_state_dict({name: value[number : number + 1] for name, value in self.state_dict().items()})
        return alone.train(self.training)

    def _surroundings(self, contacts: PoseContacts) -> Tensor:
        """(P * L, members * hidden) sums over receptor atoms."""
        counts = contacts.pairs_of_atoms()
        rows, shares = _between(contacts.distance, self.knots, contacts.receptor_class)
        found = self._sum(counts, rows, shares, _table(self.table, self.knots))
        if not self.config.angle_knots:
            return found
        near = contacts.distance < self.config.angle_knots[-1]
        atom = torch.repeat_interleave(counts)[near]
        rows, shares = _between(contacts.distance[near], self.angle_knots, contacts.receptor_class[near])
        each = torch.arange(ANGLES)[:, None] * (self.config.receptor_classes * len(self.angle_knots))
        rows, shares = rows[:, None] + each, shares[:, None] * contacts.angles[near][:, :, None]
        counts = torch.bincount(atom, minlength=len(counts))
        return found + self._sum(counts, rows, shares, _table(self.angle_table, self.angle_knots))

    def _sum(self, counts: Tensor, rows: Tensor, shares: Tensor, table: Tensor) -> Tensor:
        """(atoms, channels) weighted sums of rows of a table.

        Args:
            counts: (atoms,) pairs of each.
            rows: (pairs, ...) of the table (rows, channels).
            shares: weights of the same shape.
            table: (rows, channels).
        """
        width = rows[0].numel() if len(rows) else 1
        if self.training:  # many poses share few rows: one matrix product is several times faster than summing them
            atom = torch.repeat_interleave(counts * width) * len(table)
            weights = torch.zeros(len(counts) * len(table), dtype=shares.dtype)
            weights.index_add_(0, atom + rows.flatten(), shares.flatten())
            return weights.view(-1, len(table)) @ table
        first = width * (counts.cumsum(0) - counts)
        return F.embedding_bag(rows.flatten(), table, first, mode="sum", per_sample_weights=shares.flatten())


def _between(distance: Tensor, knots: Tensor, kind: Tensor) -> tuple[Tensor, Tensor]:
    """(pairs, 2) rows of the knots below and above, in a table by kind and knot, and the share of each."""
    knots = knots.to(distance.dtype)
    distance = distance.clamp(min=knots[0])
    upper = torch.searchsorted(knots, distance, right=True).clamp(1, len(knots) - 1)
    share = ((distance - knots[upper - 1]) / (knots[upper] - knots[upper - 1])).clamp(max=1)
    row = kind * len(knots) + upper
    return torch.stack([row - 1, row], 1), torch.stack([1 - share, share], 1)


def _table(table: Tensor, knots: Tensor) -> Tensor:
    """(rows, members * channels) of a table (members, rows, channels), zero at the last knot of each kind."""
    inside = torch.ones(len(table[0]), 1, dtype=table.dtype)
    inside[len(knots) - 1 :: len(knots)] = 0
    return table.transpose(0, 1).flatten(1) * inside


def _linear(members: int, inputs: int, outputs: int) -> Tensor:
    return (2 * torch.rand(members, inputs, outputs) - 1) / inputs**0.5
