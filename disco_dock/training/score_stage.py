"""Stage 1: encoder and score model trained end to end by denoising score matching."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from disco_dock.data.dataset import TrainingExample
from disco_dock.diffusion.perturb import perturb
from disco_dock.diffusion.schedule import Scores, draw_times, sigmas
from disco_dock.diffusion.so3 import IGSO3Table
from disco_dock.graph.batch import collate
from disco_dock.graph.schema import GraphBatch
from disco_dock.latents.dropout import draw_keep, drop_codes
from disco_dock.latents.gumbel import straight_through_one_hot
from disco_dock.models.encoder import LatentEncoder
from disco_dock.models.irreps import Features
from disco_dock.models.score import ScoreModel
from disco_dock.models.trunk import ReceptorState
from disco_dock.runtime.random import generator
from disco_dock.training.losses import Losses, score_losses


class ScoreBatch(NamedTuple):
    """One step's data: graphs, clean poses and every random draw, all a function of (seed, step).

    Attributes:
        graphs: (complexes).
        copies: noise draws per complex; the tensors below have complexes * copies rows, copies adjacent.
        pos_crystal: (complexes, atoms, 3) what the encoder sees, Angstrom.
        pos_t: noised poses.
        t: diffusion times.
        target: scores of the noise.
        gumbel_uniform: (rows, latents, nodes) in [0, 1).
        keep: (rows,) 1.0 keeps the latents, 0.0 drops them.
    """

    graphs: GraphBatch
    copies: int
    pos_crystal: Tensor
    pos_t: Tensor
    t: Tensor
    target: Scores
    gumbel_uniform: Tensor
    keep: Tensor

    def to(self, device: torch.device) -> ScoreBatch:
        """The same batch on another device."""
        return ScoreBatch(
            graphs=self.graphs.to(device),
            copies=self.copies,
            pos_crystal=self.pos_crystal.to(device),
            pos_t=self.pos_t.to(device),
            t=self.t.to(device),
            target=Scores(*(value.to(device) for value in self.target)),
            gumbel_uniform=self.gumbel_uniform.to(device),
            keep=self.keep.to(device),
        )


def pad_positions(positions: Sequence[Tensor], atoms: int) -> Tensor:
    """(complexes, atoms, 3) positions padded with zeros."""
    out = torch.zeros(len(positions), atoms, 3)
    for row, pos in enumerate(positions):
        out[row, : len(pos)] = pos
    return out


def make_score_batch(
    examples: Sequence[TrainingExample], model: ScoreModel, *, copies: int, null_rate: float, seed: int, step: int
) -> ScoreBatch:
    """The batch of a step from its examples.

    Args:
        examples: complexes with matched and crystal poses.
        model: for its noise ranges and number of latents.
        copies: noise draws per complex.
        null_rate: probability of dropping a row's latents.
        seed: of the run.
        step: of the run.
    """
    draws = generator("score", seed, step)
    trunk = model.config.trunk
    graphs = collate(
        [example.graph for example in examples], radius=trunk.receptor_radius, neighbours=trunk.receptor_neighbours
    )
    rows = graphs.repeat_interleave(copies)
    matched = pad_positions([example.pos_matched for example in examples], graphs.num_atoms)
    t = draw_times(torch.rand(rows.size, generator=draws), 2.0, 1.0).float().clamp_min(1e-3)
    pos_t, _, target = perturb(
        matched.repeat_interleave(copies, 0),
        t,
        rows.topology,
        model.config.noise,
        draws,
        atom_mask=rows.lig_mask,
        torsion_mask=rows.torsion_mask,
    )
    latents = trunk.num_latents
    return ScoreBatch(
        graphs=graphs,
        copies=copies,
        pos_crystal=pad_positions([example.pos_crystal for example in examples], graphs.num_atoms),
        pos_t=pos_t.float(),
        t=t,
        target=Scores(*(value.float() for value in target)),
        gumbel_uniform=torch.rand(rows.size, latents, rows.num_atoms + rows.num_residues, generator=draws),
        keep=draw_keep(rows.size, null_rate, draws),
    )


def repeat_receptor(state: ReceptorState, copies: int) -> ReceptorState:
    """Receptor state with each complex `copies` times in a row."""

    def repeat(value: Tensor) -> Tensor:
        return value.repeat_interleave(copies, 0)

    features = None if state.features is None else Features(*(repeat(part) for part in state.features))
    return ReceptorState(features, repeat(state.distance), repeat(state.sh))


class ScoreStage(nn.Module):
    """Encoder and score model as one trainable module."""

    def __init__(self, score: ScoreModel, encoder: LatentEncoder | None, table: IGSO3Table) -> None:
        super().__init__()
        self.score, self.encoder, self.table = score, encoder, table

    def forward(self, batch: ScoreBatch, temperature: float) -> Losses:
        """Per-row losses with latents inferred by the encoder (none for a model without latents).

        Args:
            batch: from `make_score_batch`.
            temperature: of the Gumbel-softmax.
        """
        rows = batch.graphs.repeat_interleave(batch.copies)
        code = null = None
        if self.encoder is not None:
            logits = self.encoder(batch.graphs, batch.pos_crystal).repeat_interleave(batch.copies, 0)
            mask = rows.node_mask.unsqueeze(1).expand_as(logits)
            drawn = straight_through_one_hot(logits, temperature=temperature, uniform=batch.gumbel_uniform, mask=mask)
            code, null = drop_codes(drawn, batch.keep), 1.0 - batch.keep
        receptor = repeat_receptor(self.score.trunk.receptor_state(batch.graphs), batch.copies)
        predicted = self.score(rows, batch.pos_t, batch.t, self.table, code=code, null=null, receptor=receptor)
        sigma = sigmas(batch.t, self.score.config.noise)
        return score_losses(predicted, batch.target, sigma, rows.torsion_mask, self.table)
