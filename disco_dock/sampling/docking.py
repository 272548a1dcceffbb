"""Poses of one complex from a set of models: latents, reverse diffusion, confidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from disco_dock.diffusion.sampler_config import SamplerConfig
from disco_dock.diffusion.schedule import Scores, sigmas
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.graph.batch import collate
from disco_dock.graph.schema import ComplexGraph, GraphBatch
from disco_dock.latents.autoregressive import sample_codes
from disco_dock.latents.gaussian import global_code
from disco_dock.latents.guidance import GuidanceConfig
from disco_dock.latents.spaces import one_hot
from disco_dock.models.build import Models
from disco_dock.models.trunk import ReceptorState, Trunk
from disco_dock.runtime.random import PoseRandom
from disco_dock.sampling.initial import initial_poses
from disco_dock.sampling.restraint import PocketRestraint
from disco_dock.sampling.reverse import guided, reverse_diffusion

RESIDUE_BUCKET = 64
"""Residues near a pose are padded to a multiple of this: poses of equal shape go through the network together."""
MARGIN = 1e-2  # Angstrom added to the cut-off when near residues are looked up; the network applies the exact one
CPU_CHUNK = 4
"""Poses per network call on a CPU, whatever the batch size: products of one shape give the same bits for each pose."""


@dataclass(frozen=True, kw_only=True)
class DockingSettings:
    """How to sample.

    Attributes:
        num_poses: samples.
        seed: of the run.
        batch_size: poses that are advanced together.
        sampler: steps and temperatures.
        latent_inverse_temperature: factor on the prior's logits.
        guidance: latent guidance.
        pocket: restraint in the graph's frame, or None for blind docking.
        codes: (num_poses, latents) int64 node indices, or numbers of continuous latents, that replace the prior's
            draws, or None.
    """

    num_poses: int = 40
    seed: int = 0
    batch_size: int = 10
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    latent_inverse_temperature: float = 1.0
    guidance: GuidanceConfig = field(default_factory=GuidanceConfig)
    pocket: PocketRestraint | None = None
    codes: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class DockedPoses:
    """Sampled poses in sample order.

    Attributes:
        pos: (poses, atoms, 3) float64 in the receptor file's frame, Angstrom.
        latent_nodes: (poses, latents) int64; below `atoms` a ligand atom, else a residue (index minus atoms).
        latent_log_prob: (poses,) log probability of the code under the prior as sampled.
        confidence: (poses,) logit, higher is better, or None without a confidence model.
    """

    pos: np.ndarray
    latent_nodes: np.ndarray
    latent_log_prob: np.ndarray
    confidence: np.ndarray | None


def expand_receptor(state: ReceptorState, copies: int) -> ReceptorState:
    """Receptor state of one complex seen as `copies` poses, without copying memory."""

    def expand(value: Tensor) -> Tensor:
        return value.expand(copies, *value.shape[1:])

    features = None if state.features is None else state.features.map(expand)
    return ReceptorState(features, expand(state.distance), expand(state.sh))


def select_residues(state: ReceptorState, index: Tensor) -> ReceptorState:
    """Features of some residues (poses, kept) of each pose; the geometry between residues is left out."""

    def pick(value: Tensor) -> Tensor:
        return torch.take_along_dim(value, index.view(*index.shape, *([1] * (value.dim() - 2))), 1)

    features = None if state.features is None else state.features.map(pick)
    return ReceptorState(features, state.distance[:, :0], state.sh[:, :0])


class _Complex:
    """One complex on the device, with what its networks share between calls."""

    def __init__(self, models: Models, graph: ComplexGraph, settings: DockingSettings, name: str) -> None:
        trunk = models.score.config.trunk
        self.models, self.settings, self.name = models, settings, name
        batch = collate([graph], radius=trunk.receptor_radius, neighbours=trunk.receptor_neighbours)
        self.batch = batch.to(models.device)
        self.table = igso3_table()
        self.chunk = CPU_CHUNK if models.device.type == "cpu" else settings.batch_size
        self._states: dict[int, ReceptorState] = {}

    def receptor(self, trunk: Trunk, copies: int) -> ReceptorState:
        """The receptor state of a trunk, computed once."""
        if id(trunk) not in self._states:
            self._states[id(trunk)] = trunk.receptor_state(self.batch)
        return expand_receptor(self._states[id(trunk)], copies)

    def chunked(self, function: Callable[..., Tensor], *values: Tensor) -> Tensor:
        """`function(graphs, *values)` over chunks of equal size; the last one is filled up and cut."""
        count, parts = len(values[0]), []
        rows = self.batch.expand(self.chunk)
        for start in range(0, count, self.chunk):
            pieces = [value[start : start + self.chunk] for value in values]
            missing = self.chunk - len(pieces[0])
            filled = [torch.cat([piece, piece[:1].expand(missing, *piece.shape[1:])]) for piece in pieces]
            parts.append(function(rows, *filled)[: self.chunk - missing])
        return torch.cat(parts)

    def near_residues(self, pos: Tensor, cutoff: float) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Poses grouped by the number of residues that they see.

        The group of a pose depends on that pose alone, so its numbers do not depend on the other poses.

        Args:
            pos: (poses, atoms, 3) in Angstrom.
            cutoff: Angstrom.

        Yields:
            Pose numbers (group,), residues (group, kept) and their mask (group, kept).
        """
        residues = self.batch.num_residues
        near = (torch.cdist(pos, self.batch.rec_pos.expand(len(pos), -1, -1)) < cutoff + MARGIN).any(1)
        kept = -(-near.sum(1).clamp_min(1) // RESIDUE_BUCKET) * RESIDUE_BUCKET
        kept = kept.clamp_max(residues)
        order = near.to(torch.uint8).argsort(dim=1, descending=True, stable=True)
        for count in kept.unique().tolist():
            group = (kept == count).nonzero().squeeze(1)
            index = order[group, :count]
            yield group, index, near[group].gather(1, index)

    def pruned(self, trunk: Trunk, cutoff: float, function: Callable[..., Tensor], pos: Tensor, code: Tensor) -> Tensor:
        """`function(rows, receptor, pos, code)` with each pose's near residues only, in the order of the poses."""
        atoms = self.batch.num_atoms
        parts, places = [], []
        for group, index, mask in self.near_residues(pos, cutoff):
            nodes = torch.cat([torch.arange(atoms, device=pos.device).expand(len(group), -1), index + atoms], 1)
            near_code = code[group].gather(2, nodes.unsqueeze(1).expand(-1, code.shape[1], -1))

            def evaluate(rows: GraphBatch, pos: Tensor, code: Tensor, index: Tensor, mask: Tensor) -> Tensor:
                state = self.receptor(trunk, rows.size)
                return function(rows.with_residues(index, mask), select_residues(state, index), pos, code)

            parts.append(self.chunked(evaluate, pos[group], near_code, index, mask))
            places.append(group)
        return torch.cat(parts)[torch.cat(places).argsort()]

    def draw_latents(self, random: PoseRandom, forced: Tensor | None) -> tuple[Tensor, Tensor]:
        """Node indices (poses, latents) and log probabilities (poses,)."""
        latents = self.models.score.config.trunk.num_latents
        poses, device = len(random), self.models.device
        prior = self.models.prior
        uniform = random.uniform(latents).to(device)
        if prior is None or not latents:
            index = torch.zeros(poses, 0, dtype=torch.long, device=device)
            if forced is not None and not forced.is_floating_point():  # continuous latents point at no node
                index = forced.to(device)
            return index, torch.zeros(poses, dtype=torch.float64, device=device)
        nodes = self.batch.num_atoms + self.batch.num_residues
        known: dict[tuple[int, ...], Tensor] = {}

        def next_logits(index: Tensor, position: int) -> Tensor:
            """Logits of distinct prefixes only: the prior sees the same conformer whatever the pose."""
            prefixes = [tuple(row) for row in index.tolist()]
            new = [prefix for prefix in dict.fromkeys(prefixes) if prefix not in known]
            if new:
                padded = torch.full((len(new), latents), -1, dtype=torch.long)
                padded[:, :position] = torch.tensor(new, dtype=torch.long).view(len(new), position)
                code = one_hot(padded, nodes).to(device)

                def evaluate(rows: GraphBatch, part: Tensor) -> Tensor:
                    return prior(rows, rows.conformer, part, position, self.receptor(prior.trunk, rows.size))

                for prefix, logits in zip(new, self.chunked(evaluate, code), strict=True):
                    known[prefix] = logits
            return torch.stack([known[prefix] for prefix in prefixes])

        mask = self.batch.node_mask.expand(poses, -1)
        return sample_codes(
            next_logits,
            num_latents=latents,
            uniform=uniform,
            inverse_temperature=self.settings.latent_inverse_temperature,
            mask=mask,
            forced=forced,
        )

    def code(self, index: Tensor, random: PoseRandom, forced: Tensor | None) -> Tensor:
        """(poses, latents, nodes) one-hot, or at every node the numbers of continuous latents, drawn if not forced."""
        encoder, nodes = self.models.config.encoder, self.batch.num_atoms + self.batch.num_residues
        if encoder is None or not encoder.gaussian:
            return one_hot(index, nodes).to(self.models.device)
        value = random.normal(encoder.num_latents) if forced is None else forced.float()
        return global_code(value.to(self.models.device), nodes)

    def evaluated(
        self, trunk: Trunk, sigma_tr: float | Tensor, function: Callable[..., Tensor], pos: Tensor, code: Tensor
    ) -> Tensor:
        """`function(rows, receptor, pos, code)` of all poses, with as few residues as give the same numbers."""
        config = trunk.config
        if config.sees_near_residues_only:
            return self.pruned(trunk, float(config.cutoff(torch.as_tensor(sigma_tr))), function, pos, code)

        def whole(rows: GraphBatch, pos: Tensor, code: Tensor) -> Tensor:
            return function(rows, self.receptor(trunk, rows.size), pos, code)

        return self.chunked(whole, pos, code)

    def scores(self, pos: Tensor, t: float, code: Tensor, *, null: bool) -> Scores:
        """Scores of poses (poses, atoms, 3), conditional or null; null also when there is no code."""
        model = self.models.score
        latents = model.config.trunk.num_latents
        conditioned = latents > 0
        if conditioned and code.shape[1] == 0:
            code, null = code.new_zeros(len(code), latents, code.shape[2]), True

        def evaluate(rows: GraphBatch, state: ReceptorState, part: Tensor, part_code: Tensor) -> Tensor:
            time = torch.full((rows.size,), t, device=part.device)
            dropped = torch.full_like(time, float(null)) if conditioned else None
            given = (torch.zeros_like(part_code) if null else part_code) if conditioned else None
            return torch.cat(model(rows, part, time, self.table, code=given, null=dropped, receptor=state), 1)

        flat = self.evaluated(model.trunk, sigmas(t, model.config.noise).tr, evaluate, pos, code)
        return Scores(flat[:, :3], flat[:, 3:6], flat[:, 6:])

    def confidence(self, pos: Tensor) -> Tensor:
        """(poses,) logit of the first threshold."""
        model = self.models.confidence
        assert model is not None

        def evaluate(rows: GraphBatch, state: ReceptorState, part: Tensor, _: Tensor) -> Tensor:
            return model(rows, part, state)

        no_code = pos.new_zeros(len(pos), 0, self.batch.num_atoms + self.batch.num_residues)
        return self.evaluated(model.trunk, 0.0, evaluate, pos, no_code)[:, 0]


@torch.no_grad()
def dock(
    models: Models,
    graph: ComplexGraph,
    settings: DockingSettings,
    *,
    name: str = "complex",
    on_progress: Callable[[int, int], None] | None = None,
) -> DockedPoses:
    """Sampled poses of one complex; pose k depends on (seed, name, k) only, not on the batch size.

    Args:
        models: networks of a checkpoint.
        graph: the complex.
        settings: how to sample.
        name: of the complex, part of the random key and of messages.
        on_progress: called with (finished pose-steps, all pose-steps).

    Raises:
        NumericsError: a score is not finite.

    Source: DisCo-Diff (arXiv:2407.03300), sec. 3: latents from the prior, then diffusion given the latents.
    """
    context = _Complex(models, graph, settings, name)
    device, noise = models.device, models.score.config.noise
    total = settings.num_poses * settings.sampler.steps
    results: list[tuple[Tensor, Tensor, Tensor, Tensor | None]] = []
    for start in range(0, settings.num_poses, settings.batch_size):
        indices = range(start, min(start + settings.batch_size, settings.num_poses))
        random = PoseRandom(settings.seed, name, list(indices))
        forced = None if settings.codes is None else torch.from_numpy(settings.codes[start : indices.stop]).to(device)
        index, log_prob = context.draw_latents(random, forced)
        code = context.code(index, random, forced)
        rows = context.batch.expand(len(indices))
        pos = initial_poses(rows.conformer, rows.topology, random, tr_sigma=noise.tr_max, restraint=settings.pocket)

        def conditional(pos: Tensor, t: float, code: Tensor = code) -> Scores:
            return context.scores(pos, t, code, null=False)

        def null(pos: Tensor, t: float, code: Tensor = code) -> Scores:
            return context.scores(pos, t, code, null=True)

        def report(step: int, _: Tensor, start: int = start, count: int = len(indices)) -> None:
            if on_progress is not None:
                on_progress(start * settings.sampler.steps + step * count, total)

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
        results.append((pos, index, log_prob, context.confidence(pos) if models.confidence is not None else None))
    confidence = [part[3] for part in results if part[3] is not None]
    return DockedPoses(
        pos=torch.cat([part[0] for part in results]).double().cpu().numpy() + graph.origin,
        latent_nodes=torch.cat([part[1] for part in results]).cpu().numpy(),
        latent_log_prob=torch.cat([part[2] for part in results]).cpu().numpy(),
        confidence=torch.cat(confidence).double().cpu().numpy() if confidence else None,
    )
