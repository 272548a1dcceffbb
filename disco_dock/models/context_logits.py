"""Logits over nodes that know the whole ligand and the nodes that earlier latents point at."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from disco_dock.graph.schema import GraphBatch
from disco_dock.models.layers.embeddings import GaussianExpansion
from disco_dock.models.layers.irreps import Features
from disco_dock.models.node_logits import MASKED

FARTHEST, CENTRES = 40.0, 16  # Angstrom and number of Gaussians, for distances from an earlier latent's residue


class ContextLogits(nn.Module):
    """One logit per node and output: from the node, the ligand's mean, their product, and the earlier latents.

    A prior does not know where the ligand will bind, so messages between a ligand that was put somewhere and the
    residues around that place tell it nothing. Here ligand and receptor meet in the read-out alone, at a fraction of
    the cost.

    Args:
        inputs: invariant channels of a node.
        width: hidden width.
        outputs: logits per node.
    """

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.node = nn.ModuleDict({kind: nn.Linear(inputs, width) for kind in ("ligand", "residue")})
        self.match = nn.ModuleDict({kind: nn.Linear(inputs, width, bias=False) for kind in ("ligand", "residue")})
        self.ligand_mean = nn.Linear(inputs, width)
        self.ligand_match = nn.Linear(inputs, width)
        self.earlier = nn.Linear(inputs + 1, width, bias=False)
        self.distance = GaussianExpansion(FARTHEST, CENTRES)
        self.near_earlier = nn.Linear(CENTRES, width, bias=False)
        self.last = nn.ModuleDict(
            {
                kind: nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, outputs))
                for kind in ("ligand", "residue")
            }
        )

    def forward(self, batch: GraphBatch, ligand: Features, residue: Features, code: Tensor) -> Tensor:
        """(batch, outputs, atoms + residues) logits; padded nodes get a large negative value.

        Args:
            batch: graphs.
            ligand: features of the atoms.
            residue: features of the residues.
            code: (batch, latents, atoms + residues) one-hot of the earlier latents, zeros from the next on.
        """
        atoms, residues = ligand.invariants(), residue.invariants()
        weight = batch.lig_mask.unsqueeze(-1).to(atoms.dtype)
        mean = (atoms * weight).sum(1) / weight.sum(1).clamp_min(1.0)
        code = code.to(atoms.dtype)
        pointed = torch.einsum("bkn,bnc->bc", code, torch.cat([atoms, residues], 1))
        count = code.sum((1, 2)).unsqueeze(-1)
        shared = self.ligand_mean(mean) + self.earlier(torch.cat([pointed, count], -1))
        matched = self.ligand_match(mean).unsqueeze(1)
        parts = []
        for kind, values, mask in (("ligand", atoms, batch.lig_mask), ("residue", residues, batch.rec_mask)):
            hidden = self.node[kind](values) + shared.unsqueeze(1) + self.match[kind](values) * matched
            if kind == "residue":
                hidden = hidden + self.near_earlier(self._distances(batch, code))
            logits = self.last[kind](hidden).float()
            parts.append(logits.masked_fill(~mask.unsqueeze(-1), MASKED))
        return torch.cat(parts, 1).transpose(1, 2)

    def _distances(self, batch: GraphBatch, code: Tensor) -> Tensor:
        """(batch, residues, CENTRES) expanded distances to the residues that earlier latents point at, summed."""
        at_residue = code[:, :, batch.num_atoms :]  # an atom of the ligand has no place yet
        place = at_residue @ batch.rec_pos  # (batch, latents, 3)
        gap = torch.linalg.vector_norm(batch.rec_pos.unsqueeze(1) - place.unsqueeze(2), dim=-1)
        return (self.distance(gap) * at_residue.sum(-1)[:, :, None, None]).sum(1)
