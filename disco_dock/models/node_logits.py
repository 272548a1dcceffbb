"""Logits over the nodes of a complex: one perceptron for ligand atoms, one for residues."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from disco_dock.graph.schema import GraphBatch
from disco_dock.models.layers.irreps import Features
from disco_dock.models.layers.normalisation import ScalarBatchNorm

MASKED = -1.0e30  # logit of a padded node


def _perceptron(inputs: int, width: int, outputs: int, norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in (inputs, width):
        layers.append(nn.Linear(size, width))
        if norm:
            layers.append(ScalarBatchNorm(width))
        layers.append(nn.ReLU())
    return nn.Sequential(*layers, nn.Linear(width, outputs))


class NodeLogits(nn.Module):
    """One logit per node and output from the node's invariant features.

    Args:
        inputs: invariant channels that are read.
        width: hidden width.
        outputs: logits per node.
        norm: batch normalisation between the layers, as published.
    """

    def __init__(self, inputs: int, width: int, outputs: int, *, norm: bool) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.ligand = _perceptron(inputs, width, outputs, norm)
        self.residue = _perceptron(inputs, width, outputs, norm)

    def _select(self, features: Features) -> Tensor:
        """All scalars, or when fewer are read: half of them from the first even, half from the last odd ones."""
        if self.inputs == features.even_scalars.shape[-1] + features.odd_scalars.shape[-1]:
            return features.invariants()
        half = self.inputs // 2
        return torch.cat([features.even_scalars[..., :half], features.odd_scalars[..., -half:]], -1)

    def forward(self, batch: GraphBatch, ligand: Features, residue: Features) -> Tensor:
        """(batch, outputs, atoms + residues) logits; padded nodes get a large negative value."""
        parts = []
        for network, features, mask in (
            (self.ligand, ligand, batch.lig_mask),
            (self.residue, residue, batch.rec_mask),
        ):
            value = self._select(features)
            real = network(value[mask]).float()  # only real nodes enter batch statistics
            logits = real.new_full((*mask.shape, self.outputs), MASKED)
            parts.append(logits.masked_scatter(mask.unsqueeze(-1), real))
        return torch.cat(parts, 1).transpose(1, 2)
