"""Stage 1: encoder and score model trained end to end by denoising score matching."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from disco_dock.data.example import TrainingExample
from disco_dock.diffusion.perturb import Draws, perturb
from disco_dock.diffusion.schedule import NoiseConfig, Scores, draw_times, sigmas
from disco_dock.diffusion.so3 import IGSO3Table
from disco_dock.graph.batch import collate
from disco_dock.graph.schema import GraphBatch
from disco_dock.models.displacement_head import displacement_scale
from disco_dock.models.score import ScoreModel, ScoreModelConfig
from disco_dock.runtime.precision import full_precision
from disco_dock.training.noise_draws import generators, node_uniform, noise_draws, normal_rows, uniform_rows
from disco_dock.training.score.latent_codes import LatentDraws, infer_code
from disco_dock.training.score.losses import Losses, field_loss, score_losses
from disco_dock.training.settings import TimeConfig
from disco_dock.weights.networks import Encoder

SMALLEST_TIME = 1e-3


class ScoreBatch(NamedTuple):
    """One step's data: graphs, clean poses and every random draw, all a function of (seed, step, complex).

    Attributes:
        graphs: (complexes).
        copies: noise draws per complex; the tensors below have complexes * copies rows, copies adjacent.
        pos_crystal: (complexes, atoms, 3) what the encoder sees, Angstrom.
        pos_matched: (complexes, atoms, 3) what is noised.
        t: diffusion times.
        draws: of the noise.
        latents: of the latents.
        weight: (rows,) of the losses; 0 for a row that only keeps a process busy which has no complex of its own.
    """

    graphs: GraphBatch
    copies: int
    pos_crystal: Tensor
    pos_matched: Tensor
    t: Tensor
    draws: Draws
    latents: LatentDraws
    weight: Tensor

    def to(self, device: torch.device) -> ScoreBatch:
        """The same batch on another device."""
        return ScoreBatch(
            graphs=self.graphs.to(device),
            copies=self.copies,
            pos_crystal=self.pos_crystal.to(device, non_blocking=True),
            pos_matched=self.pos_matched.to(device, non_blocking=True),
            t=self.t.to(device, non_blocking=True),
            draws=self.draws.to(device),
            latents=self.latents.to(device),
            weight=self.weight.to(device, non_blocking=True),
        )

    def with_latents(self, kept: bool) -> ScoreBatch:
        """The same batch with the latents of all rows kept, or dropped."""
        keep = torch.full_like(self.latents.keep, float(kept))
        return self._replace(latents=self.latents._replace(keep=keep))


def pad_positions(positions: Sequence[Tensor], atoms: int) -> Tensor:
    """(complexes, atoms, 3) positions padded with zeros."""
    out = torch.zeros(len(positions), atoms, 3)
    for row, pos in enumerate(positions):
        out[row, : len(pos)] = pos
    return out


def make_score_batch(
    examples: Sequence[TrainingExample],
    config: ScoreModelConfig,
    *,
    copies: int,
    null_rate: float,
    seed: int,
    step: int,
    time: TimeConfig | None = None,
    stratified: bool = False,
) -> ScoreBatch:
    """The batch of a step from its examples.

    Args:
        examples: complexes with matched and crystal poses.
        config: of the score model, for its number of latents and its receptor graph.
        copies: noise draws per complex.
        null_rate: probability of dropping a row's latents.
        seed: of the run.
        step: of the run.
        time: distribution of the diffusion times; Beta(2, 1) when None.
        stratified: times uniform instead, one in each of `copies` equal intervals.
    """
    trunk, time = config.trunk, TimeConfig() if time is None else time
    streams = generators(examples, "score", seed, step)
    graphs = collate(
        [example.graph for example in examples], radius=trunk.receptor_radius, neighbours=trunk.receptor_neighbours
    )
    uniform = uniform_rows(streams, copies)
    if stratified:
        t = (torch.arange(copies).repeat(graphs.size) + uniform) / copies
    else:
        t = draw_times(uniform, time.alpha, time.beta).float()
    draws = noise_draws(examples, streams, copies, graphs.topology.bonds.shape[1])
    padded = (graphs.num_atoms, graphs.num_residues)
    latents = LatentDraws(
        uniform=node_uniform(examples, streams, copies, trunk.num_latents, padded),
        normal=normal_rows(streams, copies, trunk.num_latents),
        keep=(uniform_rows(streams, copies) >= null_rate).float(),
    )
    return ScoreBatch(
        graphs=graphs,
        copies=copies,
        pos_crystal=pad_positions([example.pos_crystal for example in examples], graphs.num_atoms),
        pos_matched=pad_positions([example.pos_matched for example in examples], graphs.num_atoms),
        t=t.clamp_min(SMALLEST_TIME),
        draws=draws,
        latents=latents,
        weight=torch.ones(graphs.size * copies),
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


class ScoreStage(nn.Module):
    """Encoder and score model as one trainable module.

    Args:
        score: score model.
        encoder: of discrete or continuous latents, or None for a plain diffusion model.
        table: IGSO(3) table.
        kl_weight: factor on the divergence of continuous latents.
        field_weight: factor on the error of the atoms' displacements, of a score model that predicts them.
    """

    def __init__(
        self,
        score: ScoreModel,
        encoder: Encoder | None,
        table: IGSO3Table,
        *,
        kl_weight: float = 0.0,
        field_weight: float = 0.0,
    ) -> None:
        super().__init__()
        self.score, self.encoder, self.table = score, encoder, table
        self.kl_weight, self.field_weight = kl_weight, field_weight

    def forward(self, batch: ScoreBatch, temperature: float) -> Losses:
        """Per-row losses with latents inferred by the encoder (none for a model without latents).

        Args:
            batch: from `make_score_batch`.
            temperature: of the Gumbel-softmax.
        """
        rows = batch.graphs.repeat_interleave(batch.copies)
        code = infer_code(self.encoder, batch.graphs, batch.pos_crystal, rows, batch.latents, temperature)
        receptor = self.score.trunk.receptor_state(batch.graphs).repeat_interleave(batch.copies)
        with full_precision(batch.t.device):
            pos_t, target = noised(batch, rows, self.score.config.noise, self.table)
        predicted, field = self.score.predict(
            rows, pos_t, batch.t, self.table, code=code.code, null=code.null, receptor=receptor
        )
        with full_precision(batch.t.device):
            sigma = sigmas(batch.t, self.score.config.noise)
            predicted = Scores(*(value.float() for value in predicted))
            losses = score_losses(predicted, target, sigma, rows.torsion_mask, self.table)
            if field is not None:
                pos_0 = batch.pos_matched.repeat_interleave(batch.copies, 0)
                scale = displacement_scale(pos_t, rows.lig_mask, sigma)
                error = field_loss(field.float(), pos_0, pos_t, scale, rows.lig_mask)
                losses = losses._replace(field=error * self.field_weight)
        return losses._replace(weight=batch.weight, divergence=code.divergence * self.kl_weight)
