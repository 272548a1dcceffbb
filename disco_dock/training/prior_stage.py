"""Stage 2: the prior learns which nodes the frozen encoder points at, from the unbound ligand and the receptor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from disco_dock.data.example import TrainingExample
from disco_dock.geometry.rotations import random_rotations
from disco_dock.graph.batch import collate
from disco_dock.graph.schema import GraphBatch
from disco_dock.latents.gumbel import gumbel_noise
from disco_dock.latents.spaces import one_hot
from disco_dock.models.encoder import LatentEncoder
from disco_dock.models.prior import LatentPrior
from disco_dock.runtime.random import generator
from disco_dock.training.score_stage import pad_positions


class PriorBatch(NamedTuple):
    """One step's data.

    Attributes:
        graphs: (complexes).
        pos_crystal: (complexes, atoms, 3) what the encoder sees, Angstrom.
        pos_prior: (complexes, atoms, 3) centred conformers in random orientations, what the prior sees.
        uniform: (complexes, latents, nodes) in [0, 1), draws the earlier latents.
    """

    graphs: GraphBatch
    pos_crystal: Tensor
    pos_prior: Tensor
    uniform: Tensor

    def to(self, device: torch.device) -> PriorBatch:
        """The same batch on another device."""
        return PriorBatch(
            self.graphs.to(device), self.pos_crystal.to(device), self.pos_prior.to(device), self.uniform.to(device)
        )


def make_prior_batch(examples: Sequence[TrainingExample], *, latents: int, seed: int, step: int) -> PriorBatch:
    """The batch of a step from its examples, a function of (seed, step)."""
    draws = generator("prior", seed, step)
    graphs = collate([example.graph for example in examples])
    rotation = random_rotations(torch.randn(graphs.size, 4, generator=draws))
    return PriorBatch(
        graphs=graphs,
        pos_crystal=pad_positions([example.pos_crystal for example in examples], graphs.num_atoms),
        pos_prior=graphs.conformer @ rotation.transpose(1, 2),
        uniform=torch.rand(graphs.size, latents, graphs.num_atoms + graphs.num_residues, generator=draws),
    )


class PriorLosses(NamedTuple):
    """Means over the complexes of a batch.

    Attributes:
        loss: cross entropy to the encoder's distribution, mean over latents, with gradient.
        label_entropy: its lower bound, the entropy of the encoder's distribution.
        uniform: cross entropy of the uniform distribution over nodes, the value without learning.
        accuracy: share of latents whose most probable node is the encoder's.
        distance: Angstrom between those two nodes (an atom stands at its crystal position).
        accuracy_by_latent: (latents,) the accuracy of each.
    """

    loss: Tensor
    label_entropy: Tensor
    uniform: Tensor
    accuracy: Tensor
    distance: Tensor
    accuracy_by_latent: Tensor

    def values(self) -> dict[str, float]:
        """Plain numbers by name, for the log."""
        single = {name: float(value.detach()) for name, value in zip(self._fields[:-1], self[:-1], strict=True)}
        return single | {f"accuracy_{k}": value for k, value in enumerate(self.accuracy_by_latent.tolist())}


class PriorStage(nn.Module):
    """The prior in training and the frozen encoder that labels.

    Source: DisCo-Diff (arXiv:2407.03300), App. E; soft labels as in the published code.
    """

    def __init__(self, prior: LatentPrior, encoder: LatentEncoder) -> None:
        super().__init__()
        self.prior, self.encoder = prior, encoder
        self.encoder.requires_grad_(False)

    def train(self, mode: bool = True) -> PriorStage:
        """Set the prior's mode; the encoder always stays in eval mode."""
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, batch: PriorBatch) -> PriorLosses:
        """Losses with teacher forcing: earlier latents are drawn from the encoder."""
        graphs = batch.graphs
        with torch.no_grad():
            labels = self.encoder(graphs, batch.pos_crystal)
            mask = graphs.node_mask.unsqueeze(1)
            drawn = (labels + gumbel_noise(batch.uniform)).masked_fill(~mask, -torch.inf).argmax(-1)
            probability = labels.softmax(-1)
            code = one_hot(drawn, labels.shape[-1]).to(labels)
        receptor = self.prior.trunk.receptor_state(graphs)
        nodes = torch.cat([batch.pos_crystal, graphs.rec_pos], 1)
        parts = []
        for position in range(labels.shape[1]):
            known = code.clone()
            known[:, position:] = 0.0
            logits = self.prior(graphs, batch.pos_prior, known, position, receptor)
            log_p = logits.log_softmax(-1)
            target = probability[:, position]
            best, wanted = logits.argmax(-1), labels[:, position].argmax(-1)
            rows = torch.arange(len(best), device=best.device)
            parts.append(
                torch.stack(
                    [
                        -(target * log_p).sum(-1).mean(),
                        -torch.special.xlogy(target, target).sum(-1).mean(),
                        graphs.node_mask.sum(1).double().log().mean().to(logits),
                        (best == wanted).double().mean().to(logits),
                        (nodes[rows, best] - nodes[rows, wanted]).norm(dim=-1).mean(),
                    ]
                )
            )
        by_latent = torch.stack(parts)
        loss, entropy, uniform, accuracy, distance = by_latent.mean(0)
        return PriorLosses(loss, entropy, uniform, accuracy, distance, by_latent.detach()[:, 3])
