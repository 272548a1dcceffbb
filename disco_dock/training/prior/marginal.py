"""What is known about latents without looking at a complex: how often each kind of node is pointed at."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from disco_dock.chem.ligand_features import ATOM_FEATURE_SIZES
from disco_dock.chem.residue_features import RESIDUE_TYPES
from disco_dock.graph.schema import ComplexGraph, GraphBatch
from disco_dock.latents.metrics import perplexity

ELEMENTS = ATOM_FEATURE_SIZES[0]
KINDS = ELEMENTS + len(RESIDUE_TYPES)
PRIOR_COUNT = 0.5  # added to every kind, so that one that never occurred is not impossible


def graph_kinds(graph: ComplexGraph) -> Tensor:
    """(atoms + residues,) int64: the element of an atom, ELEMENTS + type of a residue."""
    return torch.cat([graph.lig_features[:, 0], ELEMENTS + graph.rec_type])


def batch_kinds(graphs: GraphBatch) -> Tensor:
    """(batch, atoms + residues) int64, the same for padded graphs."""
    return torch.cat([graphs.lig_features[:, :, 0], ELEMENTS + graphs.rec_type], 1)


class Marginal:
    """Probability of a node by its kind alone, the baseline that a prior must beat.

    A node's weight is how often nodes of its kind were pointed at, over how many of them there were; the weights of a
    complex's nodes are then normalised.

    Args:
        pointed: (latents, KINDS) expected numbers of nodes pointed at.
        present: (KINDS,) numbers of nodes.
    """

    def __init__(self, pointed: Tensor, present: Tensor) -> None:
        self.pointed, self.present = pointed, present
        self._log_weight = torch.log((pointed + PRIOR_COUNT) / (present + 2 * PRIOR_COUNT)).float()

    @classmethod
    def of(cls, graphs: Sequence[ComplexGraph], probabilities: Sequence[Tensor]) -> Marginal:
        """Counted over complexes and the encoder's probabilities (latents, nodes) of their nodes."""
        latents = len(probabilities[0])
        pointed, present = torch.zeros(latents, KINDS), torch.zeros(KINDS)
        for graph, probability in zip(graphs, probabilities, strict=True):
            kinds = graph_kinds(graph)
            present.index_add_(0, kinds, torch.ones(len(kinds)))
            pointed.index_add_(1, kinds, probability)
        return cls(pointed, present)

    def log_probability(self, graphs: GraphBatch) -> Tensor:
        """(batch, latents, atoms + residues) normalised over the real nodes."""
        weight = self._log_weight.to(graphs.rec_pos.device)[:, batch_kinds(graphs)].transpose(0, 1)
        return weight.masked_fill(~graphs.node_mask.unsqueeze(1), -torch.inf).log_softmax(-1)

    def usage(self) -> dict[str, float]:
        """Per latent: effective number of node kinds that it points at, and how often at ligand atoms."""
        values = {}
        share = self.pointed / self.pointed.sum(1, keepdim=True).clamp_min(1e-12)
        for k, effective in enumerate(perplexity(self.pointed).tolist()):
            values[f"used_kinds_{k}"] = effective
            values[f"ligand_share_{k}"] = float(share[k, :ELEMENTS].sum())
        return values
