"""One step of the pose expert's training: noised poses among the receptor's atoms, and their losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from disco_dock.chem.structures.protein_atoms import nameless_kinds
from disco_dock.data.example import TrainingExample
from disco_dock.diffusion.perturb import perturb_at
from disco_dock.diffusion.schedule import NoiseConfig, Scores, Sigmas, sigmas
from disco_dock.diffusion.so3 import IGSO3Table
from disco_dock.graph.heavy_atoms import HeavyAtoms
from disco_dock.graph.ligand_batch import LigandBatch, collate_ligands
from disco_dock.models.displacement_head import displacement_scale
from disco_dock.models.pose_expert.config import PoseExpertConfig
from disco_dock.models.pose_expert.network import PoseExpert
from disco_dock.runtime.errors import InputError
from disco_dock.training.expert.settings import ExpertTraining
from disco_dock.training.noise_draws import generators, noise_draws, uniform_rows
from disco_dock.training.score.losses import WEIGHT, Losses, field_loss, score_losses
from disco_dock.training.score.step import pad_positions

Levels = Callable[[Tensor], Sigmas]
PLAIN = ExpertTraining(hidden_residues=0.0, jitter=0.0)
"""Receptors as they are, for validation."""


class ExpertBatch(NamedTuple):
    """One step's data, a function of (seed, step, complexes).

    Attributes:
        ligands: (complexes).
        receptors: heavy atoms of each complex that a pose may reach.
        copies: poses per complex; the tensors below have complexes * copies rows, copies adjacent.
        sigma: noise levels, (rows,) each.
        pos_0: (rows, atoms, 3) clean poses, Angstrom.
        pos_t: (rows, atoms, 3) noised poses.
        target: scores of the noise.
        weight: (rows,) of the losses.
    """

    ligands: LigandBatch
    receptors: tuple[HeavyAtoms, ...]
    copies: int
    sigma: Sigmas
    pos_0: Tensor
    pos_t: Tensor
    target: Scores
    weight: Tensor

    def to(self, device: torch.device) -> ExpertBatch:
        """The same batch on another device."""
        return ExpertBatch(
            ligands=self.ligands.each(lambda part: part.to(device)),
            receptors=tuple(part.to(device) for part in self.receptors),
            copies=self.copies,
            sigma=Sigmas(*(torch.as_tensor(part).to(device) for part in self.sigma)),
            pos_0=self.pos_0.to(device),
            pos_t=self.pos_t.to(device),
            target=Scores(*(part.to(device) for part in self.target)),
            weight=self.weight.to(device),
        )


def make_expert_batch(
    examples: Sequence[TrainingExample],
    config: PoseExpertConfig,
    training: ExpertTraining,
    noise: NoiseConfig,
    table: IGSO3Table,
    *,
    copies: int,
    seed: int,
    step: int,
    levels: Levels | None = None,
) -> ExpertBatch:
    """The batch of a step; a complex has a pose in each of `copies` equal intervals of time.

    Args:
        examples: complexes with their heavy atoms.
        config: of the network.
        training: which noises are drawn, and what is done to the receptors.
        noise: ranges of the noise over time.
        table: IGSO(3) table.
        copies: poses per complex.
        seed: of the run.
        step: of the run.
        levels: noise levels from uniform numbers and times (rows,) that are even in [0, 1]; as in training when None.

    Raises:
        InputError: shards without heavy atoms.
    """
    streams = generators(examples, "expert", seed, step)
    ligands = collate_ligands([example.graph for example in examples])
    interval = torch.arange(copies).repeat(len(examples))
    t = (interval + uniform_rows(streams, copies)) / copies
    if levels is None:
        sigma = training_levels(t, uniform_rows(streams, copies), uniform_rows(streams, copies), training, noise)
    else:
        sigma = levels(t)
    rows = ligands.repeat_interleave(copies)
    pos_0 = pad_positions([example.pos_matched for example in examples], ligands.mask.shape[1])
    pos_0 = pos_0.repeat_interleave(copies, 0)
    pos_t, _, target = perturb_at(
        pos_0,
        sigma,
        rows.topology,
        noise_draws(examples, streams, copies, ligands.bonds.shape[1]),
        atom_mask=rows.mask,
        torsion_mask=rows.torsion_mask,
        table=table,
    )
    pos_t = pos_t.float()
    reach = config.cutoff + config.receptor_layers * config.receptor_cutoff
    receptors = [
        _changed(_heavy(example), pos_t[k * copies : (k + 1) * copies, : example.graph.num_atoms], reach, training, own)
        for k, (example, own) in enumerate(zip(examples, streams, strict=True))
    ]
    return ExpertBatch(
        ligands=ligands,
        receptors=tuple(receptors),
        copies=copies,
        sigma=sigma,
        pos_0=pos_0,
        pos_t=pos_t,
        target=Scores(*(part.float() for part in target)),
        weight=torch.ones(len(pos_t)),
    )


def training_levels(t: Tensor, share: Tensor, spread: Tensor, training: ExpertTraining, noise: NoiseConfig) -> Sigmas:
    """Noise levels of training, (rows,) each, from times of the rotation and two uniform numbers (rows,) per pose."""
    low, high = training.tr_share
    last = math.log(training.max_sigma_tr / noise.tr_min) / math.log(noise.tr_max / noise.tr_min)
    tr = (t * (low + share * (high - low))).clamp_max(last)
    tor = (t + (2 * spread - 1) * training.tor_spread).clamp(0.0, 1.0)
    return Sigmas(sigmas(tr, noise).tr, sigmas(t, noise).rot, sigmas(tor, noise).tor)


def _heavy(example: TrainingExample) -> HeavyAtoms:
    atoms = example.graph.heavy_atoms
    if atoms is None:
        raise InputError(
            f"{example.name}: the shards hold C-alpha atoms only; build them with `disco-dock data build --all-atoms`"
        )
    return atoms


def _changed(
    atoms: HeavyAtoms, poses: Tensor, reach: float, training: ExpertTraining, stream: torch.Generator
) -> HeavyAtoms:
    """The atoms around some poses (copies, atoms, 3), some residues' types hidden, their positions shaken."""
    points = poses.reshape(-1, 3)
    low, high = points.amin(0) - reach, points.amax(0) + reach
    atoms = atoms.take(((atoms.pos > low) & (atoms.pos < high)).all(1).nonzero()[:, 0])
    if not len(atoms.pos):
        return atoms
    if training.hidden_residues:
        draw = torch.rand(int(atoms.residue.max()) + 2, generator=stream) < training.hidden_residues
        hidden = draw[atoms.residue + 1] & (atoms.residue >= 0)
        kind = torch.where(hidden, torch.from_numpy(nameless_kinds())[atoms.kind], atoms.kind)
        atoms = atoms._replace(kind=kind)
    if training.jitter:
        size = training.jitter * torch.rand(1, generator=stream)
        atoms = atoms._replace(pos=atoms.pos + size * torch.randn(atoms.pos.shape, generator=stream))
    return atoms


class ExpertStage(nn.Module):
    """The pose expert as a trainable module."""

    def __init__(self, expert: PoseExpert, table: IGSO3Table, training: ExpertTraining) -> None:
        super().__init__()
        self.expert, self.table, self.training_settings = expert, table, training

    def forward(self, batch: ExpertBatch) -> Losses:
        """Per-row losses."""
        rows = batch.ligands.repeat_interleave(batch.copies)
        complexes = len(batch.receptors)
        predicted = self.expert(
            rows,
            batch.pos_t,
            batch.sigma,
            self.table,
            ligands=self.expert.ligands(batch.ligands).repeat_interleave(batch.copies),
            receptors=self.expert.receptors(batch.receptors),
            owner=[k for k in range(complexes) for _ in range(batch.copies)],
        )
        losses = score_losses(predicted.scores, batch.target, batch.sigma, rows.torsion_mask, self.table)
        assert predicted.field is not None
        scale = displacement_scale(batch.pos_t, rows.mask, batch.sigma)
        error = field_loss(predicted.field, batch.pos_0, batch.pos_t, scale, rows.mask)
        return losses._replace(weight=batch.weight, field=error * self.training_settings.field_weight)

    def loss(self, batch: ExpertBatch) -> tuple[Tensor, dict[str, float]]:
        """The training loss and what is logged of it."""
        means = self(batch).means()
        extra = WEIGHT * (self.training_settings.torsion_weight - 1) * means.tor
        return means.loss + extra, {**means.values(), "rows": float(batch.weight.sum())}


def without_change(batch: ExpertBatch, stage: ExpertStage) -> Losses:
    """The losses of predicting no change."""
    rows = batch.ligands.repeat_interleave(batch.copies)
    zero = Scores(*(torch.zeros_like(part) for part in batch.target))
    return score_losses(zero, batch.target, batch.sigma, rows.torsion_mask, stage.table)


def blank(batch: ExpertBatch) -> ExpertBatch:
    """The same batch without weight, for a process that has no complex of its own."""
    return batch._replace(weight=torch.zeros_like(batch.weight))
