"""Poses of one complex from a set of models: latents, reverse diffusion, confidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from disco_dock.diffusion.schedule import sigmas
from disco_dock.graph.schema import ComplexGraph, GraphBatch
from disco_dock.kernels.compiled import available, torch_on_one_thread
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.random import PoseRandom
from disco_dock.sampling.initial import initial_poses
from disco_dock.sampling.latent_choice import PriorSurvey
from disco_dock.sampling.network_batch import CPU_GROUP, BatchRows, Complexes, ReceptorStates
from disco_dock.sampling.reverse import guided, reverse_diffusion
from disco_dock.sampling.settings import DockingSettings
from disco_dock.weights.networks import Models

Progress = Callable[[int, int], None]
"""(finished pose-steps, all pose-steps)."""


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


def concatenate_docked(parts: Sequence[DockedPoses]) -> DockedPoses:
    """Poses of several draws of one complex as those of one."""
    return parts[0] if len(parts) == 1 else _each_array(lambda *values: np.concatenate(values), *parts)


def _each_array(function: Callable[..., np.ndarray], *parts: DockedPoses) -> DockedPoses:
    """The function of every array that the parts have, the rest as in the first."""
    arrays = {field.name: [getattr(part, field.name) for part in parts] for field in fields(DockedPoses)}
    done = {name: function(*values) for name, values in arrays.items() if isinstance(values[0], np.ndarray)}
    return replace(parts[0], **done)


def confidence_logits(models: Models, graph: ComplexGraph, pos: np.ndarray) -> np.ndarray:
    """(poses, thresholds) confidence logits of poses that were not sampled, or were changed since.

    Args:
        models: networks of a checkpoint, with a confidence model.
        graph: the complex.
        pos: (poses, atoms, 3) in the receptor file's frame, Angstrom.
    """
    with inference():
        context = Complexes(models, [graph], DockingSettings(num_poses=len(pos)), ["complex"])
        centred = torch.from_numpy(pos - graph.origin).float().to(models.device)
        size = _group_size(models, context.settings)
        found = []
        for some in centred.split(size):
            rows = BatchRows.of_one_ligand(0, len(some), size)
            found.append(context.confidence(rows, context.graphs(rows), rows.filled(some)))
        return torch.cat(found).double().cpu().numpy()


def dock(
    models: Models,
    graph: ComplexGraph,
    settings: DockingSettings,
    *,
    name: str = "complex",
    on_step: Progress | None = None,
    states: ReceptorStates | None = None,
) -> DockedPoses:
    """Sampled poses of one complex; pose k depends on (seed, name, k) only, not on the batch size.

    Args:
        models: networks of a checkpoint.
        graph: the complex.
        settings: how to sample.
        name: of the complex, part of the random key and of messages.
        on_step: called with (finished pose-steps, all pose-steps).
        states: of this receptor, filled here, from a caller that docks many ligands into it with the same networks.

    Raises:
        NumericsError: a score is not finite.

    Source: DisCo-Diff (arXiv:2407.03300), sec. 3: latents from the prior, then diffusion given the latents.
    """
    with inference():
        context = Complexes(models, [graph], settings, [name], states)
        asked = settings.choice.modes > 0 or settings.choice.survey
        survey = context.survey(models.prior) if asked and models.prior is not None else None
        size = _group_size(models, settings)
        begin, end = settings.first - settings.first % size, settings.first + settings.num_poses
        parts = []
        for start in range(begin, end, size):  # whole groups, so that a pose has its place in one
            rows = BatchRows.of_one_ligand(start, min(size, end - start), size)
            report = _reporter(on_step, start - begin, end - begin, context.steps)
            parts.append(sample_rows(context, rows, survey, report))
        found = concatenate_docked([part.docked(slice(None), graph.origin) for part in parts])
    return replace(found, survey=survey).take(slice(settings.first - begin, None))


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
    with inference():
        return Complexes(models, [graph], settings, ["survey"]).survey(models.prior)


@contextmanager
def inference() -> Iterator[None]:
    """Run networks without gradients and, where there are kernels, to the same bits at any number of threads."""
    with torch.no_grad(), torch_on_one_thread() if available() else nullcontext():
        yield


@dataclass(frozen=True, kw_only=True)
class SampledRows:
    """What came of the live rows of a batch, in their order and in the graph's frame.

    Attributes:
        pos: (live, atoms, 3) Angstrom.
        index: (live, latents) nodes.
        log_prob: (live,) of them.
        logits: (live, thresholds) of the confidence model, or None.
        frames: (live, steps + 1, atoms, 3) from noise to the pose, or None.
    """

    pos: Tensor
    index: Tensor
    log_prob: Tensor
    logits: Tensor | None
    frames: Tensor | None

    def docked(self, index: slice, origin: np.ndarray) -> DockedPoses:
        """Some of them in the frame of the receptor's file."""
        logits = None if self.logits is None else self.logits[index].double().cpu().numpy()
        frames = None if self.frames is None else (self.frames[index].double().numpy() + origin).astype(np.float32)
        return DockedPoses(
            pos=self.pos[index].double().cpu().numpy() + origin,
            latent_nodes=self.index[index].cpu().numpy(),
            latent_log_prob=self.log_prob[index].cpu().numpy(),
            confidence=None if logits is None else logits[:, 0],
            logits=logits,
            frames=frames,
        )


def sample_rows(
    context: Complexes, rows: BatchRows, survey: PriorSurvey | None = None, on_step: Callable[[int], None] | None = None
) -> SampledRows:
    """Poses of the live rows.

    Args:
        context: the ligands and their receptor.
        rows: what stands where.
        survey: the prior's most probable codes, for one ligand whose poses are spread over them.
        on_step: called with the number of finished steps times live rows.

    Raises:
        NumericsError: a score is not finite.
    """
    settings, models, live = context.settings, context.models, list(rows.live)
    random = rows.random(settings.seed, context.names)
    forced = context.forced_codes(survey, rows)
    index, log_prob = context.draw_latents(rows, random, forced)
    code = context.code(rows, index, random, forced)
    graphs = context.graphs(rows)
    steps: list[Tensor] = []

    def report(step: int, now: Tensor) -> None:
        if settings.record:
            steps.append(now[live].cpu())
        if on_step is not None and step:
            on_step(step * len(live))

    pos = _diffused(context, rows, graphs, code, random, report)
    return SampledRows(
        pos=pos[live],
        index=index,
        log_prob=log_prob,
        logits=context.confidence(rows, graphs, pos) if models.confidence is not None else None,
        frames=torch.stack(steps, 1) if settings.record else None,
    )


def _diffused(
    context: Complexes,
    rows: BatchRows,
    graphs: GraphBatch,
    code: Tensor,
    random: PoseRandom,
    report: Callable[[int, Tensor], None],
) -> Tensor:
    """(rows, atoms, 3) poses at the end of the reverse process; the report is told of those at its start as step 0.

    From a start pose, a pose expert alone does all of it: its noise is the one that the pose is given.
    """
    settings, handover, topology = context.settings, context.handover, graphs.topology
    noise = context.models.score.config.noise
    way = {"restraint": settings.pocket, "name": " and ".join(dict.fromkeys(context.names))}
    start, before, sampler, expert_sampler = settings.start, 0, settings.sampler, context.expert_sampler
    if start is None:
        pos = initial_poses(graphs.conformer, topology, random, tr_sigma=noise.tr_max, restraint=settings.pocket)
        way["start"] = 1.0
    else:
        own = noise if handover is None else handover.noise
        pos = start.noised(rows.pose, topology, random, noise=own, restraint=settings.pocket)
        sampler, expert_sampler, way["start"] = start.sampler(sampler), start.sampler(expert_sampler), start.t
    report(0, pos)
    if handover is None or start is None:
        pos = reverse_diffusion(
            guided(
                lambda pos, t: context.scores(graphs, pos, t, code, null=False),
                lambda pos, t: context.scores(graphs, pos, t, code, null=True),
                settings.guidance,
            ),
            pos,
            topology,
            random,
            noise=noise,
            config=sampler,
            on_step=report,
            steps=None if handover is None else handover.steps,
            **way,
        )
        before = 0 if handover is None else handover.steps
    if handover is not None:
        pos = reverse_diffusion(
            lambda pos, t: context.pose_scores(graphs, pos, sigmas(t, handover.noise)),
            pos,
            topology,
            random,
            noise=handover.noise,
            config=expert_sampler,
            on_step=lambda step, now: report(before + step, now),
            **way,
        )
    return pos


def _group_size(models: Models, settings: DockingSettings) -> int:
    """Rows of the network batches of one ligand."""
    return CPU_GROUP if models.device.type == "cpu" else min(settings.batch_size, settings.num_poses)


def _reporter(on_step: Progress | None, before: int, poses: int, steps: int) -> Callable[[int], None] | None:
    """A callback that reports the steps of a group as progress of all poses."""
    if on_step is None:
        return None
    return lambda done: on_step(before * steps + done, poses * steps)
