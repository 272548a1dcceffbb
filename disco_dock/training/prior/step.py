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
from disco_dock.models.node_logits import MASKED
from disco_dock.models.prior import LatentPrior
from disco_dock.runtime.distributed import processes, total
from disco_dock.runtime.precision import full_precision
from disco_dock.training.noise_draws import generators, node_uniform
from disco_dock.training.prior.latent_labels import drawn_once
from disco_dock.training.prior.marginal import Marginal
from disco_dock.training.score.step import pad_positions

ACCURACY = 4  # place in what `_compare` gives


class PriorBatch(NamedTuple):
    """One step's data.

    Attributes:
        graphs: (complexes).
        pos_crystal: (complexes, atoms, 3) for distances between nodes in the report only, Angstrom.
        pos_prior: (complexes, atoms, 3) centred conformers in random orientations, what the prior sees.
        target: (complexes, latents, nodes) probabilities that the prior learns.
        earlier: (complexes, latents) nodes of the earlier latents, given to the prior.
        weight: (complexes,) in the means.
    """

    graphs: GraphBatch
    pos_crystal: Tensor
    pos_prior: Tensor
    target: Tensor
    earlier: Tensor
    weight: Tensor

    def to(self, device: torch.device) -> PriorBatch:
        """The same batch on another device."""
        return PriorBatch(self.graphs.to(device), *(part.to(device, non_blocking=True) for part in self[1:]))


def make_prior_batch(
    examples: Sequence[TrainingExample], labels: Sequence[Tensor], *, hard: bool, seed: int, step: int
) -> PriorBatch:
    """The batch of a step from its examples, a function of (seed, step, complex).

    Args:
        examples: complexes.
        labels: the encoder's logits (latents, atoms + residues) of each.
        hard: learn one draw per complex, always the same, instead of the distribution.
        seed: of the run.
        step: of the run.
    """
    streams = generators(examples, "prior", seed, step)
    graphs = collate([example.graph for example in examples])
    padded = (graphs.num_atoms, graphs.num_residues)
    latents = len(labels[0])
    logits = torch.full((graphs.size, latents, sum(padded)), MASKED)
    fixed = torch.zeros(graphs.size, latents, dtype=torch.long)
    for row, (example, given) in enumerate(zip(examples, labels, strict=True)):
        atoms, residues = example.graph.num_atoms, example.graph.num_residues
        logits[row, :, :atoms] = given[:, :atoms]
        logits[row, :, padded[0] : padded[0] + residues] = given[:, atoms:]
        node = drawn_once(given, example.name, seed)
        fixed[row] = torch.where(node < atoms, node, node - atoms + padded[0])
    rotation = random_rotations(torch.stack([torch.randn(4, generator=stream) for stream in streams]))
    uniform = node_uniform(examples, streams, 1, latents, padded)
    drawn = (logits + gumbel_noise(uniform)).masked_fill(~graphs.node_mask.unsqueeze(1), -torch.inf).argmax(-1)
    return PriorBatch(
        graphs=graphs,
        pos_crystal=pad_positions([example.pos_crystal for example in examples], graphs.num_atoms),
        pos_prior=graphs.conformer @ rotation.transpose(1, 2),
        target=one_hot(fixed, sum(padded)) if hard else logits.softmax(-1),
        earlier=fixed if hard else drawn,
        weight=torch.ones(graphs.size),
    )


class PriorLosses(NamedTuple):
    """Means over the complexes of a batch, of all processes, and over latents.

    Attributes:
        loss: cross entropy to the target, with gradient: the negative log likelihood of the latents in nats.
        label_entropy: its lower bound, the entropy of the target.
        uniform: cross entropy of the uniform distribution over nodes.
        marginal: cross entropy of the marginal baseline.
        accuracy: share of latents whose most probable node is the target's.
        marginal_accuracy: the same of the marginal baseline.
        distance: Angstrom between those two nodes of the prior (an atom stands at its crystal position).
        accuracy_by_latent: (latents,) the accuracy of each.
    """

    loss: Tensor
    label_entropy: Tensor
    uniform: Tensor
    marginal: Tensor
    accuracy: Tensor
    marginal_accuracy: Tensor
    distance: Tensor
    accuracy_by_latent: Tensor

    def values(self) -> dict[str, float]:
        """Plain numbers by name, for the log; `perplexity` is the exponential of the loss."""
        single = {name: float(value.detach()) for name, value in zip(self._fields[:-1], self[:-1], strict=True)}
        single["perplexity"] = float(self.loss.detach().exp())
        return single | {f"accuracy_{k}": value for k, value in enumerate(self.accuracy_by_latent.tolist())}


class PriorStage(nn.Module):
    """The prior in training.

    Args:
        prior: of the score model's trunk.
        marginal: baseline to compare with.

    Source: DisCo-Diff (arXiv:2407.03300), App. E; soft labels as in the published code.
    """

    def __init__(self, prior: LatentPrior, marginal: Marginal) -> None:
        super().__init__()
        self.prior, self.marginal = prior, marginal

    def forward(self, batch: PriorBatch) -> PriorLosses:
        """Losses with teacher forcing."""
        graphs = batch.graphs
        nodes = graphs.num_atoms + graphs.num_residues
        code = one_hot(batch.earlier, nodes).to(batch.pos_prior)
        receptor = self.prior.trunk.receptor_state(graphs)
        place = torch.cat([batch.pos_crystal, graphs.rec_pos], 1)
        baseline = self.marginal.log_probability(graphs)
        parts = []
        for position in range(code.shape[1]):
            known = code.clone()
            known[:, position:] = 0.0
            logits = self.prior(graphs, batch.pos_prior, known, position, receptor)
            with full_precision(logits.device):
                parts.append(_compare(logits.float(), baseline[:, position], batch.target[:, position], graphs, place))
        rows = total(batch.weight.sum()) / processes().size
        by_latent = (torch.stack(parts) * batch.weight).sum(-1) / rows
        loss, entropy, uniform, marginal, accuracy, usual, distance = by_latent.mean(0)
        return PriorLosses(loss, entropy, uniform, marginal, accuracy, usual, distance, by_latent.detach()[:, ACCURACY])


def _compare(logits: Tensor, baseline: Tensor, target: Tensor, graphs: GraphBatch, place: Tensor) -> Tensor:
    """(7, batch): the values of `PriorLosses` for one latent, each complex by itself."""
    log_p, mask = logits.log_softmax(-1), graphs.node_mask
    best, wanted, usual = logits.argmax(-1), target.argmax(-1), baseline.argmax(-1)
    rows = torch.arange(len(best), device=best.device)
    return torch.stack(
        [
            -(target * log_p).masked_fill(~mask, 0.0).sum(-1),
            -torch.special.xlogy(target, target).sum(-1),
            mask.sum(1).to(logits).log(),
            -(target * baseline).masked_fill(~mask, 0.0).sum(-1),
            (best == wanted).to(logits),
            (usual == wanted).to(logits),
            (place[rows, best] - place[rows, wanted]).norm(dim=-1),
        ]
    )
