"""Poses of one complex from a set of models: latents, reverse diffusion, confidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, fields, replace

import numpy as np
import torch
from torch import Tensor

from disco_dock.diffusion.sampler_config import SamplerConfig
from disco_dock.diffusion.schedule import Scores
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.graph.batch import collate
from disco_dock.graph.schema import ComplexGraph, GraphBatch
from disco_dock.kernels.compiled import available, torch_on_one_thread
from disco_dock.latents.autoregressive import NextLogits, sample_codes
from disco_dock.latents.gaussian import global_code
from disco_dock.latents.guidance import GuidanceConfig
from disco_dock.latents.modes import marginals, most_probable_codes
from disco_dock.latents.spaces import one_hot
from disco_dock.models.all_atom_confidence import AllAtomConfidence
from disco_dock.models.build import Models
from disco_dock.models.confidence import ConfidenceModel
from disco_dock.models.prior import LatentPrior
from disco_dock.models.trunk import ReceptorState, Trunk
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.random import PoseRandom
from disco_dock.sampling.all_atom_judge import AllAtomJudge
from disco_dock.sampling.initial import initial_poses
from disco_dock.sampling.latent_choice import LatentChoice, PriorSurvey
from disco_dock.sampling.restraint import Restraint
from disco_dock.sampling.reverse import guided, reverse_diffusion

CPU_GROUP = 8
"""Poses that a CPU advances together, whatever the batch size.

Matrix products give a row the same bits when shape and place are the same: pose k is always row k % 8 of a group of 8.
"""


@dataclass(frozen=True, kw_only=True)
class DockingSettings:
    """How to sample.

    Attributes:
        num_poses: samples.
        first: number of the first of them; pose k is the same whatever is drawn before it.
        seed: of the run.
        batch_size: poses that are advanced together on an accelerator; a CPU takes groups of 8.
        sampler: steps and temperatures.
        latent_inverse_temperature: factor on the prior's logits.
        guidance: latent guidance.
        pocket: restraint in the graph's frame, or None for blind docking.
        codes: (num_poses, latents) int64 node indices, or numbers of continuous latents, that replace the prior's
            draws, or None.
        choice: which latents are forced, avoided or enumerated.
        record: keep the poses of every step.
    """

    num_poses: int = 40
    first: int = 0
    seed: int = 0
    batch_size: int = 10
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    latent_inverse_temperature: float = 1.0
    guidance: GuidanceConfig = field(default_factory=GuidanceConfig)
    pocket: Restraint | None = None
    codes: np.ndarray | None = None
    choice: LatentChoice = field(default_factory=LatentChoice)
    record: bool = False


@dataclass(frozen=True, kw_only=True)
class DockedPoses:
    """Sampled poses in sample order.

    Attributes:
        pos: (poses, atoms, 3) float64 in the receptor file's frame, Angstrom.
        latent_nodes: (poses, latents) int64; below `atoms` a ligand atom, else a residue (index minus atoms).
        latent_log_prob: (poses,) log probability of the code under the prior as sampled.
        confidence: (poses,) logit, higher is better, or None without a confidence model.
        logits: (poses, thresholds) of all thresholds of the confidence model, the confidence first, or None.
        survey: where the prior points, when that was asked for.
        frames: (poses, steps + 1, atoms, 3) float32 in the file's frame from noise to the pose, when recorded.
    """

    pos: np.ndarray
    latent_nodes: np.ndarray
    latent_log_prob: np.ndarray
    confidence: np.ndarray | None
    logits: np.ndarray | None = None
    survey: PriorSurvey | None = None
    frames: np.ndarray | None = None

    def take(self, index: np.ndarray | slice) -> DockedPoses:
        """Some of the poses."""
        return _each_array(lambda value: value[index], self)


def joined(parts: Sequence[DockedPoses]) -> DockedPoses:
    """Poses of several draws of one complex as those of one."""
    return parts[0] if len(parts) == 1 else _each_array(lambda *values: np.concatenate(values), *parts)


def _each_array(function: Callable[..., np.ndarray], *parts: DockedPoses) -> DockedPoses:
    """The function of every array that the parts have, the rest as in the first."""
    arrays = {field.name: [getattr(part, field.name) for part in parts] for field in fields(DockedPoses)}
    done = {name: function(*values) for name, values in arrays.items() if isinstance(values[0], np.ndarray)}
    return replace(parts[0], **done)


ReceptorStates = dict[int, ReceptorState]
"""What the networks make of one receptor alone, by the identity of their trunks."""


class _Complex:
    """One complex on the device, with what its networks share between calls."""

    def __init__(
        self,
        models: Models,
        graph: ComplexGraph,
        settings: DockingSettings,
        name: str,
        states: ReceptorStates | None = None,
    ) -> None:
        trunk = models.score.config.trunk
        self.models, self.settings, self.name = models, settings, name
        batch = collate([graph], radius=trunk.receptor_radius, neighbours=trunk.receptor_neighbours)
        self.batch = batch.to(models.device)
        self.table = igso3_table()
        self.allowed = self.batch.node_mask.clone()
        self.allowed[:, list(settings.choice.avoided)] = False
        self.group = CPU_GROUP if models.device.type == "cpu" else min(settings.batch_size, settings.num_poses)
        self._states: ReceptorStates = {} if states is None else states
        self._logits: dict[tuple[int, ...], Tensor] = {}
        judge = models.confidence
        self.judge = AllAtomJudge(judge, graph, models.device) if isinstance(judge, AllAtomConfidence) else None

    def receptor(self, trunk: Trunk, copies: int) -> ReceptorState:
        """The receptor state of a trunk, computed once."""
        if id(trunk) not in self._states:
            self._states[id(trunk)] = trunk.receptor_state(self.batch)
        return self._states[id(trunk)].expand(copies)

    def rows(self, live: int) -> GraphBatch:
        """The complex once per pose of a group; poses from `live` on are blank and cost next to nothing."""
        rows = self.batch.expand(self.group)
        return rows if live == self.group else rows.with_blank(self.group - live)

    def draw_latents(self, random: PoseRandom, forced: Tensor | None, live: int) -> tuple[Tensor, Tensor]:
        """Node indices (group, latents) and log probabilities (group,); blank poses repeat the first one's."""
        latents = self.models.score.config.trunk.num_latents
        device, prior = self.models.device, self.models.prior
        uniform = random.uniform(latents)[:live].to(device)
        if prior is None or not latents:
            index = torch.zeros(live, 0, dtype=torch.long, device=device)
            if forced is not None and not forced.is_floating_point():  # continuous latents point at no node
                index = forced.to(device)
            log_prob = torch.zeros(live, dtype=torch.float64, device=device)
        else:
            index, log_prob = sample_codes(
                self._next_logits(prior),
                num_latents=latents,
                uniform=uniform,
                inverse_temperature=self.settings.latent_inverse_temperature,
                mask=self.allowed.expand(live, -1),
                forced=None if forced is None else forced.to(device),
            )
        return self._filled(index), self._filled(log_prob)

    def survey(self, prior: LatentPrior) -> PriorSurvey:
        """The prior's most probable codes, as many as are asked for, and the share of each node."""
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

    def forced_codes(self, survey: PriorSurvey | None, start: int, live: int) -> Tensor | None:
        """(live, latents) codes of the poses from `start` on that are not left to the prior, -1 where they are."""
        settings = self.settings
        if settings.codes is not None:
            return torch.from_numpy(settings.codes[start : start + live])
        if survey is not None and len(survey.codes):
            numbers = settings.first + np.arange(start, start + live)
            return torch.from_numpy(survey.codes[numbers % len(survey.codes)])
        if not settings.choice.forced:
            return None
        latents = self.models.score.config.trunk.num_latents
        row = (*settings.choice.forced, *([-1] * (latents - len(settings.choice.forced))))
        return torch.tensor(row, dtype=torch.long).expand(live, -1)

    def _filled(self, value: Tensor) -> Tensor:
        """Rows of the live poses followed by copies of the first for the blank ones."""
        return torch.cat([value, value[:1].expand(self.group - len(value), *value.shape[1:])])

    def _next_logits(self, prior: LatentPrior) -> NextLogits:
        """The prior, evaluated once per distinct prefix: it sees the same conformer whatever the pose."""
        nodes = self.batch.num_atoms + self.batch.num_residues

        def logits(prefix: tuple[int, ...]) -> Tensor:
            if prefix not in self._logits:
                padded = torch.full((1, prior.config.trunk.num_latents), -1, dtype=torch.long)
                padded[:, : len(prefix)] = torch.tensor(prefix, dtype=torch.long)
                code = one_hot(padded, nodes).to(self.models.device)
                state = self.receptor(prior.trunk, 1)
                self._logits[prefix] = prior(self.batch, self.batch.conformer, code, len(prefix), state)[0]
            return self._logits[prefix]

        return lambda index, _: torch.stack([logits(tuple(row)) for row in index.tolist()])

    def code(self, index: Tensor, random: PoseRandom, forced: Tensor | None) -> Tensor:
        """(group, latents, nodes) one-hot, or at every node the numbers of continuous latents, drawn if not forced."""
        encoder, nodes = self.models.config.encoder, self.batch.num_atoms + self.batch.num_residues
        if encoder is None or not encoder.gaussian:
            return one_hot(index, nodes).to(self.models.device)
        value = random.normal(encoder.num_latents) if forced is None else self._filled(forced.float())
        return global_code(value.to(self.models.device), nodes)

    def scores(self, pos: Tensor, t: float, code: Tensor, *, live: int, null: bool) -> Scores:
        """Scores of a group's poses (group, atoms, 3), conditional or null; null also when there is no code."""
        model = self.models.score
        latents = model.config.trunk.num_latents
        conditioned = latents > 0
        if conditioned and code.shape[1] == 0:
            code, null = code.new_zeros(len(code), latents, code.shape[2]), True
        time = torch.full((self.group,), t, device=pos.device)
        dropped = torch.full_like(time, float(null)) if conditioned else None
        given = (torch.zeros_like(code) if null else code) if conditioned else None
        state = self.receptor(model.trunk, self.group)
        scores = model(self.rows(live), pos, time, self.table, code=given, null=dropped, receptor=state)
        blank = torch.arange(self.group, device=pos.device) >= live
        return Scores(*(value.masked_fill(blank[:, None], 0.0) for value in scores))

    def confidence(self, pos: Tensor, live: int) -> Tensor:
        """(live, thresholds) logits."""
        if self.judge is not None:
            return self.judge(pos[:live])[:, None]
        model = self.models.confidence
        assert isinstance(model, ConfidenceModel)
        return model(self.rows(live), pos, self.receptor(model.trunk, self.group))[:live]


def judge(models: Models, graph: ComplexGraph, pos: np.ndarray) -> np.ndarray:
    """(poses, thresholds) confidence logits of poses that were not sampled, or were changed since.

    Args:
        models: networks of a checkpoint, with a confidence model.
        graph: the complex.
        pos: (poses, atoms, 3) in the receptor file's frame, Angstrom.
    """
    with torch.no_grad(), torch_on_one_thread() if available() else nullcontext():
        context = _Complex(models, graph, DockingSettings(num_poses=len(pos)), "complex")
        centred = torch.from_numpy(pos - graph.origin).float().to(models.device)
        found = []
        for some in centred.split(context.group):
            filled = torch.cat([some, some[:1].expand(context.group - len(some), -1, -1)])
            found.append(context.confidence(filled, len(some)))
        return torch.cat(found).double().cpu().numpy()


def dock(
    models: Models,
    graph: ComplexGraph,
    settings: DockingSettings,
    *,
    name: str = "complex",
    on_progress: Callable[[int, int], None] | None = None,
    states: ReceptorStates | None = None,
) -> DockedPoses:
    """Sampled poses of one complex; pose k depends on (seed, name, k) only, not on the batch size.

    Args:
        models: networks of a checkpoint.
        graph: the complex.
        settings: how to sample.
        name: of the complex, part of the random key and of messages.
        on_progress: called with (finished pose-steps, all pose-steps).
        states: of this receptor, filled here, from a caller that docks many ligands into it with the same networks.

    Raises:
        NumericsError: a score is not finite.

    Source: DisCo-Diff (arXiv:2407.03300), sec. 3: latents from the prior, then diffusion given the latents.
    """
    with torch.no_grad(), torch_on_one_thread() if available() else nullcontext():
        return _dock(models, graph, settings, name, on_progress, states)


def survey_prior(models: Models, graph: ComplexGraph, settings: DockingSettings) -> PriorSurvey:
    """Where the prior's latents point in a complex, without docking it.

    Args:
        models: networks of a checkpoint with a prior.
        graph: the complex.
        settings: temperature of the prior, and which nodes are forced, avoided or enumerated.

    Raises:
        ConfigError: the checkpoint has no prior.
    """
    if models.prior is None:
        raise ConfigError("this checkpoint has no prior over atoms and residues, so it points nowhere")
    with torch.no_grad(), torch_on_one_thread() if available() else nullcontext():
        return _Complex(models, graph, settings, "survey").survey(models.prior)


def _dock(
    models: Models,
    graph: ComplexGraph,
    settings: DockingSettings,
    name: str,
    on_progress: Callable[[int, int], None] | None,
    states: ReceptorStates | None,
) -> DockedPoses:
    context = _Complex(models, graph, settings, name, states)
    noise = models.score.config.noise
    begin, end = settings.first - settings.first % context.group, settings.first + settings.num_poses
    total = (end - begin) * settings.sampler.steps
    results: list[tuple[Tensor, Tensor, Tensor, Tensor | None]] = []
    frames: list[Tensor] = []
    asked = settings.choice.modes > 0 or settings.choice.survey
    survey = context.survey(models.prior) if asked and models.prior is not None else None
    for start in range(begin, end, context.group):  # whole groups, so that a pose has its place in one
        live = min(context.group, end - start)
        random = PoseRandom(settings.seed, name, list(range(start, start + context.group)))
        forced = context.forced_codes(survey, start, live)
        index, log_prob = context.draw_latents(random, forced, live)
        code = context.code(index, random, forced)
        rows = context.batch.expand(context.group)
        pos = initial_poses(rows.conformer, rows.topology, random, tr_sigma=noise.tr_max, restraint=settings.pocket)
        steps = [pos[:live].cpu()]

        def conditional(pos: Tensor, t: float, code: Tensor = code, live: int = live) -> Scores:
            return context.scores(pos, t, code, live=live, null=False)

        def null(pos: Tensor, t: float, code: Tensor = code, live: int = live) -> Scores:
            return context.scores(pos, t, code, live=live, null=True)

        def report(step: int, now: Tensor, start: int = start, live: int = live, steps: list[Tensor] = steps) -> None:
            if settings.record:
                steps.append(now[:live].cpu())
            if on_progress is not None:
                on_progress((start - begin) * settings.sampler.steps + step * live, total)

        pos = reverse_diffusion(
            guided(conditional, null, settings.guidance),
            pos,
            rows.topology,
            random,
            noise=noise,
            config=settings.sampler,
            restraint=settings.pocket,
            on_step=report,
            name=name,
        )
        frames.append(torch.stack(steps, 1))
        confidence = context.confidence(pos, live) if models.confidence is not None else None
        results.append((pos[:live], index[:live], log_prob[:live], confidence))
    parts = [part[3] for part in results if part[3] is not None]
    logits = torch.cat(parts).double().cpu().numpy() if parts else None
    found = DockedPoses(
        pos=torch.cat([part[0] for part in results]).double().cpu().numpy() + graph.origin,
        latent_nodes=torch.cat([part[1] for part in results]).cpu().numpy(),
        latent_log_prob=torch.cat([part[2] for part in results]).cpu().numpy(),
        confidence=None if logits is None else logits[:, 0],
        logits=logits,
        survey=survey,
        frames=(torch.cat(frames).double().numpy() + graph.origin).astype(np.float32) if settings.record else None,
    )
    return found.take(slice(settings.first - begin, None))
