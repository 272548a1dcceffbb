"""Stage 1: encoder and score model trained end to end by denoising score matching."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from disco_dock.data.dataset import TrainingExample
from disco_dock.diffusion.perturb import Draws, draw, perturb
from disco_dock.diffusion.schedule import NoiseConfig, Scores, draw_times, sigmas
from disco_dock.diffusion.so3 import IGSO3Table
from disco_dock.graph.batch import collate
from disco_dock.graph.schema import GraphBatch
from disco_dock.latents.dropout import draw_keep, drop_codes
from disco_dock.latents.gumbel import straight_through_one_hot
from disco_dock.models.encoder import LatentEncoder
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
        pos_matched: (complexes, atoms, 3) what is noised.
        t: diffusion times.
        draws: of the noise.
        gumbel_uniform: (rows, latents, nodes) in [0, 1).
        keep: (rows,) 1.0 keeps the latents, 0.0 drops them.
    """

    graphs: GraphBatch
    copies: int
    pos_crystal: Tensor
    pos_matched: Tensor
    t: Tensor
    draws: Draws
    gumbel_uniform: Tensor
    keep: Tensor

    def to(self, device: torch.device) -> ScoreBatch:
        """The same batch on another device."""
        return ScoreBatch(
            graphs=self.graphs.to(device),
            copies=self.copies,
            pos_crystal=self.pos_crystal.to(device, non_blocking=True),
            pos_matched=self.pos_matched.to(device, non_blocking=True),
            t=self.t.to(device, non_blocking=True),
            draws=self.draws.to(device),
            gumbel_uniform=self.gumbel_uniform.to(device, non_blocking=True),
            keep=self.keep.to(device, non_blocking=True),
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
    random = generator("score", seed, step)
    trunk = model.config.trunk
    graphs = collate(
        [example.graph for example in examples], radius=trunk.receptor_radius, neighbours=trunk.receptor_neighbours
    )
    rows = graphs.size * copies
    t = draw_times(torch.rand(rows, generator=random), 2.0, 1.0).float().clamp_min(1e-3)
    nodes = graphs.num_atoms + graphs.num_residues
    return ScoreBatch(
        graphs=graphs,
        copies=copies,
        pos_crystal=pad_positions([example.pos_crystal for example in examples], graphs.num_atoms),
        pos_matched=pad_positions([example.pos_matched for example in examples], graphs.num_atoms),
        t=t,
        draws=draw(rows, graphs.topology.bonds.shape[1], random),
        gumbel_uniform=torch.rand(rows, trunk.num_latents, nodes, generator=random),
        keep=draw_keep(rows, null_rate, random),
    )


def noised(batch: ScoreBatch, rows: GraphBatch, noise: NoiseConfig, table: IGSO3Table) -> tuple[Tensor, Scores]:
    """Noised poses (rows, atoms, 3) of a batch and the scores of their noise, on the batch's device."""
    pos_t, _, target = perturb(
        batch.pos_matched.repeat_interleave(batch.copies, 0),
        batch.t,
        rows.topology,
        noise,
        batch.draws,
        atom_mask=rows.lig_mask,
        torsion_mask=rows.torsion_mask,
        table=table,
    )
    return pos_t.float(), Scores(*(value.float() for value in target))


def repeat_receptor(state: ReceptorState, copies: int) -> ReceptorState:
    """Receptor state with each complex `copies` times in a row."""

    return state.repeat_interleave(copies)


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
        pos_t, target = noised(batch, rows, self.score.config.noise, self.table)
        predicted = self.score(rows, pos_t, batch.t, self.table, code=code, null=null, receptor=receptor)
        sigma = sigmas(batch.t, self.score.config.noise)
        return score_losses(predicted, target, sigma, rows.torsion_mask, self.table)
