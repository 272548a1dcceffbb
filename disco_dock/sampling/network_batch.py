"""What stands in the rows of a network batch, and what the networks make of it: poses of ligands in one receptor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from disco_dock.diffusion.schedule import Scores, Sigmas
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.graph.batch import NO_SLOTS, LigandSlots, collate
from disco_dock.graph.schema import ComplexGraph, GraphBatch
from disco_dock.latents.autoregressive import NextLogits, sample_codes
from disco_dock.latents.gaussian import global_code
from disco_dock.latents.modes import marginals, most_probable_codes
from disco_dock.latents.spaces import one_hot
from disco_dock.models.all_atom.confidence import AllAtomConfidence
from disco_dock.models.confidence import ConfidenceModel
from disco_dock.models.prior import LatentPrior
from disco_dock.models.trunk import ReceptorState, Trunk
from disco_dock.runtime.random import PoseRandom
from disco_dock.sampling.all_atom_confidence import AllAtomConfidenceRunner
from disco_dock.sampling.latent_choice import PriorSurvey
from disco_dock.sampling.pose_scores import Handover, PoseScores
from disco_dock.sampling.settings import DockingSettings
from disco_dock.weights.networks import Models

CPU_GROUP = 8
"""Poses that a CPU advances together, whatever the batch size.

Matrix products give a row the same bits when shape and place are the same: pose k is always row k % 8 of a group of 8.
"""

ReceptorStates = dict[int, ReceptorState]
"""What the networks make of one receptor alone, by the identity of their trunks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchRows:
    """What stands in each row of a network batch.

    Attributes:
        ligand: number of the ligand of each row.
        pose: number of the pose of each row.
        live: rows that are sampled, ligand by ligand; the others are blank and cost next to nothing.
    """

    ligand: tuple[int, ...]
    pose: tuple[int, ...]
    live: tuple[int, ...]

    @classmethod
    def of_one_ligand(cls, first: int, live: int, size: int) -> BatchRows:
        """`live` poses of the only ligand from a number on, in the first of `size` rows."""
        return cls(ligand=(0,) * size, pose=tuple(range(first, first + size)), live=tuple(range(live)))

    def __len__(self) -> int:
        return len(self.ligand)

    @property
    def mask(self) -> Tensor:
        """(rows,) bool of the live ones."""
        mask = torch.zeros(len(self), dtype=torch.bool)
        mask[list(self.live)] = True
        return mask

    def random(self, seed: int, names: Sequence[str]) -> PoseRandom:
        """The random streams of the rows, for ligands of these names."""
        return PoseRandom(seed, [names[ligand] for ligand in self.ligand], self.pose)

    def filled(self, value: Tensor) -> Tensor:
        """(rows, ...) values of the live rows where these stand, copies of the first in the blank ones."""
        full = value[:1].repeat(len(self), *([1] * (value.dim() - 1)))
        full[list(self.live)] = value
        return full


class Complexes:
    """Ligands of one number of atoms in one receptor, on the device, with what the networks share between calls."""

    def __init__(
        self,
        models: Models,
        graphs: Sequence[ComplexGraph],
        settings: DockingSettings,
        names: Sequence[str],
        states: ReceptorStates | None = None,
        slots: LigandSlots = NO_SLOTS,
    ) -> None:
        trunk = models.score.config.trunk
        self.models, self.settings, self.names = models, settings, names
        batch = collate(graphs, radius=trunk.receptor_radius, neighbours=trunk.receptor_neighbours, slots=slots)
        self.batch = batch.to(models.device)
        self.table = igso3_table()
        self.allowed = self.batch.node_mask.clone()
        self.allowed[:, list(settings.choice.avoided)] = False
        self._states: ReceptorStates = {} if states is None else states
        self._logits: dict[tuple[int, tuple[int, ...]], Tensor] = {}
        self.expert_sampler = settings.expert_sampler or models.config.expert_sampler
        self.handover: Handover | None = None
        self._pose_scores: PoseScores | None = None
        if models.expert is not None:
            level = models.config.handover if settings.handover is None else settings.handover
            self.handover = Handover.at(level, models.score.config.noise, settings.sampler.steps)
            self._pose_scores = PoseScores(models.expert, graphs[0].heavy_atoms, models.device)
        confidence = models.confidence
        self.confidence_runners: list[AllAtomConfidenceRunner] = []
        if isinstance(confidence, AllAtomConfidence):
            self.confidence_runners = [AllAtomConfidenceRunner(confidence, graph, models.device) for graph in graphs]

    @property
    def steps(self) -> int:
        """Steps of a pose, of both reverse processes, or from the start pose on."""
        start, whole = self.settings.start, self.settings.sampler if self.handover is None else self.expert_sampler
        if start is not None:
            return start.sampler(whole).steps
        return self.settings.sampler.steps if self.handover is None else self.handover.steps + self.expert_sampler.steps

    def pose_scores(self, graphs: GraphBatch, pos: Tensor, sigma: Sigmas) -> Scores:
        """Scores of poses (rows, atoms, 3) from the pose expert, zero in blank rows."""
        assert self._pose_scores is not None
        return self._pose_scores(graphs, pos, sigma)

    def receptor(self, trunk: Trunk, copies: int) -> ReceptorState:
        """The receptor state of a trunk, computed once."""
        if id(trunk) not in self._states:
            self._states[id(trunk)] = trunk.receptor_state(self._graphs((0,)))
        return self._states[id(trunk)].expand(copies)

    def graphs(self, rows: BatchRows) -> GraphBatch:
        """The complex of each row; blank ones have no nodes."""
        graphs = self._graphs(rows.ligand)
        return graphs if len(rows.live) == len(rows) else graphs.only(rows.mask.to(self.models.device))

    def _graphs(self, ligand: Sequence[int]) -> GraphBatch:
        return self.batch.expand(len(ligand)) if self.batch.size == 1 else self.batch.take(ligand)

    def draw_latents(self, rows: BatchRows, random: PoseRandom, forced: Tensor | None) -> tuple[Tensor, Tensor]:
        """Node indices (live, latents) and log probabilities (live,)."""
        latents = self.models.score.config.trunk.num_latents
        device, prior, live = self.models.device, self.models.prior, len(rows.live)
        uniform = random.uniform(latents)[list(rows.live)].to(device)
        if prior is None or not latents:
            index = torch.zeros(live, 0, dtype=torch.long, device=device)
            if forced is not None and not forced.is_floating_point():  # continuous latents point at no node
                index = forced.to(device)
            return index, torch.zeros(live, dtype=torch.float64, device=device)
        ligand = [rows.ligand[row] for row in rows.live]
        return sample_codes(
            self._next_logits(prior, ligand),
            num_latents=latents,
            uniform=uniform,
            inverse_temperature=self.settings.latent_inverse_temperature,
            mask=self.allowed[ligand],
            forced=None if forced is None else forced.to(device),
        )

    def survey(self, prior: LatentPrior) -> PriorSurvey:
        """The most probable codes of the only ligand, as many as are asked for, and the share of each node."""
        choice, latents = self.settings.choice, self.models.score.config.trunk.num_latents
        options = {
            "num_latents": latents,
            "inverse_temperature": self.settings.latent_inverse_temperature,
            "mask": self.allowed[0],
        }
        codes, log_prob = np.zeros((0, latents), dtype=np.int64), np.zeros(0)
        if choice.modes:
            found = most_probable_codes(self._next_logits(prior), count=choice.modes, forced=choice.forced, **options)
            codes, log_prob = (part.numpy() for part in found)
        share = marginals(self._next_logits(prior), **options).mean(0)
        return PriorSurvey(codes=codes, log_prob=log_prob, marginal=share.numpy())

    def forced_codes(self, survey: PriorSurvey | None, rows: BatchRows) -> Tensor | None:
        """(live, latents) codes of the live poses that are not left to the prior, -1 where they are."""
        settings, numbers = self.settings, np.array([rows.pose[row] for row in rows.live])
        if settings.codes is not None:
            return torch.from_numpy(settings.codes[numbers])
        if survey is not None and len(survey.codes):
            return torch.from_numpy(survey.codes[numbers % len(survey.codes)])
        if not settings.choice.forced:
            return None
        latents = self.models.score.config.trunk.num_latents
        row = (*settings.choice.forced, *([-1] * (latents - len(settings.choice.forced))))
        return torch.tensor(row, dtype=torch.long).expand(len(numbers), -1)

    def _next_logits(self, prior: LatentPrior, ligand: Sequence[int] | None = None) -> NextLogits:
        """The prior for rows of these ligands (the first, if not given), evaluated once per ligand and distinct prefix.

        It sees the same conformer whatever the pose. A CPU and a single ligand take the prefixes one at a time, so that
        latents do not depend on the other ligands.
        """

        def next_logits(index: Tensor, _: int) -> Tensor:
            prefixes = [tuple(row) for row in index.tolist()]
            keys = list(zip([0] * len(prefixes) if ligand is None else ligand, prefixes, strict=True))
            missing = [key for key in dict.fromkeys(keys) if key not in self._logits]
            alone = self.models.device.type == "cpu" or self.batch.size == 1
            for part in [[key] for key in missing] if alone else [missing]:
                if part:
                    self._logits.update(zip(part, self._prior_logits(prior, part), strict=True))
            return torch.stack([self._logits[key] for key in keys])

        return next_logits

    def _prior_logits(self, prior: LatentPrior, keys: Sequence[tuple[int, tuple[int, ...]]]) -> Tensor:
        """(keys, nodes) logits of the latent that follows each (ligand, prefix); prefixes of one length."""
        graphs, position = self._graphs([ligand for ligand, _ in keys]), len(keys[0][1])
        padded = torch.full((len(keys), prior.config.trunk.num_latents), -1, dtype=torch.long)
        padded[:, :position] = torch.tensor([prefix for _, prefix in keys], dtype=torch.long)
        code = one_hot(padded, graphs.num_atoms + graphs.num_residues).to(self.models.device)
        return prior(graphs, graphs.conformer, code, position, self.receptor(prior.trunk, len(keys)))

    def code(self, rows: BatchRows, index: Tensor, random: PoseRandom, forced: Tensor | None) -> Tensor:
        """(rows, latents, nodes) one-hot, or at every node the numbers of continuous latents, drawn if not forced."""
        encoder, nodes = self.models.config.encoder, self.batch.num_atoms + self.batch.num_residues
        if encoder is None or not encoder.gaussian:
            return one_hot(rows.filled(index), nodes).to(self.models.device)
        value = random.normal(encoder.num_latents) if forced is None else rows.filled(forced.float())
        return global_code(value.to(self.models.device), nodes)

    def scores(self, graphs: GraphBatch, pos: Tensor, t: float, code: Tensor, *, null: bool) -> Scores:
        """Scores of poses (rows, atoms, 3), conditional or null, zero in blank rows; null also without a code."""
        model = self.models.score
        latents = model.config.trunk.num_latents
        conditioned = latents > 0
        if conditioned and code.shape[1] == 0:
            code, null = code.new_zeros(len(code), latents, code.shape[2]), True
        time = torch.full((len(pos),), t, device=pos.device)
        dropped = torch.full_like(time, float(null)) if conditioned else None
        given = (torch.zeros_like(code) if null else code) if conditioned else None
        state = self.receptor(model.trunk, len(pos))
        scores = model(graphs, pos, time, self.table, code=given, null=dropped, receptor=state)
        blank = ~graphs.lig_mask.any(1, keepdim=True)
        return Scores(*(value.masked_fill(blank, 0.0) for value in scores))

    def confidence(self, rows: BatchRows, graphs: GraphBatch, pos: Tensor) -> Tensor:
        """(live, thresholds) logits of poses (rows, atoms, 3)."""
        if self.confidence_runners:
            return torch.cat([self._all_atom_confidence(rows, number, pos) for number in range(self.batch.size)])[
                :, None
            ]
        model = self.models.confidence
        assert isinstance(model, ConfidenceModel)
        return model(graphs, pos, self.receptor(model.trunk, len(pos)))[list(rows.live)]

    def _all_atom_confidence(self, rows: BatchRows, ligand: int, pos: Tensor) -> Tensor:
        """(poses,) of a ligand's live rows."""
        return self.confidence_runners[ligand](pos[[row for row in rows.live if rows.ligand[row] == ligand]])
