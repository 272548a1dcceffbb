"""Docking one complex: receptor, conformer, graph, poses, ranking. The one place that knows the order."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from disco_dock.chem.conformers import Conformer, embed
from disco_dock.chem.ligand import Ligand
from disco_dock.chem.stereo import stereo_kept_each
from disco_dock.docking.binding_modes import Mode, latent_choice, pose_clusters, pose_modes, suggest_pockets
from disco_dock.docking.clashes import centroid_distances, clash_counts, node_labels
from disco_dock.docking.draws import Drawn, draw_all, draw_valid
from disco_dock.docking.engine import Engine, dock_fitting, docking_settings
from disco_dock.docking.judging import Verdict, check_physics, judge_poses
from disco_dock.docking.novelty import NO_INDEX, complex_novelty
from disco_dock.docking.pocket import Pocket
from disco_dock.docking.prediction import Prediction, RankedPose
from disco_dock.docking.receptors import PreparedReceptor, ReceptorStore
from disco_dock.docking.refinement import RefinedPoses, is_trace, physics_for, refine, refinement_notes
from disco_dock.docking.runs.progress import Progress, Silent
from disco_dock.docking.settings import PredictSettings
from disco_dock.docking.validity import NOT_INSTALLED, PoseValidity, pose_validity, prepare_checks
from disco_dock.graph.build import build_complex
from disco_dock.graph.schema import ComplexGraph
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.ranking.contact_score import contact_score_of
from disco_dock.ranking.order import rank_order
from disco_dock.runtime.errors import NumericsError
from disco_dock.runtime.random import derive_seed
from disco_dock.sampling.sample import DockedPoses, DockingSettings

POCKET_TOLERANCE = 0.01  # Angstrom that a pose may lie outside the pocket before it is reported
BORDER = 0.25  # Angstrom


class PhaseClock:
    """Seconds spent in named phases."""

    def __init__(self) -> None:
        """Start without any phase."""
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time of the block under a name."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - begin)

    def add(self, name: str, seconds: float) -> None:
        """Count time under a name."""
        self.seconds[name] = round(self.seconds.get(name, 0.0) + seconds, 3)


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedComplex:
    """A ligand and a receptor, ready for the networks.

    Attributes:
        protein: receptor file.
        receptor: what follows from it.
        ligand: the molecule.
        conformer: that sampling starts from.
        graph: of both.
        chosen: how to sample.
        stream: key of the random numbers.
        physics: what is done with the poses.
        left_out: why less than settled is done, or "".
        clock: seconds so far.
    """

    protein: Path
    receptor: PreparedReceptor
    ligand: Ligand
    conformer: Conformer
    graph: ComplexGraph
    chosen: DockingSettings
    stream: str
    physics: PhysicsSettings
    left_out: str
    clock: PhaseClock


def predict_complex(
    engine: Engine,
    settings: PredictSettings,
    store: ReceptorStore,
    protein: Path,
    ligand: Ligand,
    *,
    name: str,
    progress: Progress | None = None,
) -> Prediction:
    """Ranked poses of one ligand in one receptor.

    The random streams are keyed by the seed, the ligand's SMILES and the receptor's sequence: the same complex gives
    the same poses alone, in a batch, under another name and at every batch size.

    Args:
        engine: networks and docking function.
        settings: of the run.
        store: receptors already read.
        protein: receptor file.
        ligand: the molecule.
        name: of the complex, for messages.
        progress: told about the sampling.

    Raises:
        DiscoError: with one sentence on what is wrong.
    """
    ready = prepare_complex(engine, settings, store, protein, ligand)
    return predict_prepared(engine, settings, ready, name=name, progress=progress)


def prepare_complex(
    engine: Engine, settings: PredictSettings, store: ReceptorStore, protein: Path, ligand: Ligand
) -> PreparedComplex:
    """What comes before the networks; arguments and errors as of `predict_complex`."""
    physics = check_physics(settings.physics, engine.models)
    clock = PhaseClock()
    with clock.phase("receptor"):
        prepared = store.get(protein)
    physics, left_out = physics_for(prepared.receptor, physics, asked=settings.physics.asked)
    with clock.phase("conformer"):
        conformer = embed(ligand.mol, seed=derive_seed("conformer", settings.seed, ligand.smiles))
    with clock.phase("graph"):
        atom_graph = engine.models.config.atom_graph
        graph = build_complex(prepared.receptor, ligand, conformer.pos, prepared.embeddings, atom_graph=atom_graph)
        pocket = prepared.pocket
        chosen = docking_settings(engine.models, settings, None if pocket is None else pocket.restraint(graph.origin))
        if settings.choose_latents:
            latents = engine.models.config.score.trunk.num_latents
            choice = latent_choice(settings, latents, ligand.mol, prepared.receptor)
            chosen = replace(chosen, choice=choice)
    return PreparedComplex(
        protein=protein,
        receptor=prepared,
        ligand=ligand,
        conformer=conformer,
        graph=graph,
        chosen=chosen,
        stream=f"{ligand.smiles} in {prepared.key}",
        physics=physics,
        left_out=left_out,
        clock=clock,
    )


def predict_prepared(
    engine: Engine,
    settings: PredictSettings,
    ready: PreparedComplex,
    *,
    name: str,
    progress: Progress | None = None,
) -> Prediction:
    """Ranked poses of a complex that `prepare_complex` made with the same engine and settings."""
    checked = prepare_checks(settings)
    progress = Silent() if progress is None else progress
    prepared, ligand, graph, physics, clock = ready.receptor, ready.ligand, ready.graph, ready.physics, ready.clock
    chosen, stream, notes = ready.chosen, ready.stream, list[str]()

    def draw(first: int, count: int) -> tuple[DockedPoses, RefinedPoses]:
        with clock.phase("docking"):
            docked, new = _dock(engine, graph, replace(chosen, first=first, num_poses=count), stream, progress)
            notes.extend(note for note in new if note not in notes)
        with clock.phase("physics"):
            return docked, _refined(engine, settings, ready, docked, first)

    def judge(pos: np.ndarray) -> tuple[list[PoseValidity], str]:
        with clock.phase("validity"):
            return pose_validity(ligand, pos, stereo_kept_each(ligand.mol, pos), prepared.surroundings)

    drawn = draw_valid(draw, judge, settings) if settings.valid_only else draw_all(draw, settings)
    refined = drawn.refined
    with clock.phase("physics"):
        sampled = drawn.docked.pos
        docked = after_physics(engine, graph, drawn.docked, refined)
    with clock.phase("checks"):
        verdict = judge_poses(engine.models.config, ligand, docked, refined, physics, chosen)
        everything, modes = _ranked(prepared, ligand, docked, verdict, drawn)
        ranked = everything[: drawn.kept.sum()]
        survey, frames = docked.survey, docked.frames
        suggestion = None if survey is None else suggest_pockets(survey, ligand.num_atoms, prepared.receptor)
        near = complex_novelty(engine.models.directory, prepared.receptor, ligand, physics)
    problem = drawn.note
    if checked and not settings.valid_only:
        found, problem = judge(np.stack([pose.pos for pose in ranked[:checked]]))
        ranked = (
            *(replace(pose, validity=one) for pose, one in zip(ranked, found, strict=False)),
            *ranked[len(found) :],
        )
    return Prediction(
        name=name,
        protein=ready.protein,
        receptor=prepared.receptor,
        ligand=ligand,
        ranked=ranked,
        rejected=everything[len(ranked) :],
        draw_budget=settings.draw_budget,
        novelty=near,
        pocket=prepared.pocket,
        seed=settings.seed,
        sampled=sampled[[pose.sample for pose in ranked]] if refined.minimised else None,
        notes=(
            *prepared.receptor.notes,
            *ligand.notes,
            *_conformer_notes(ready.conformer.rung),
            *filter(None, [ready.left_out]),
            *notes,
            *refinement_notes(refined, physics),
            *_pose_notes(prepared, ranked),
            *_validity_notes(prepared, ranked, settings, problem),
            *verdict.notes,
            *([NO_INDEX] if near is None else near.sentences()),
        ),
        conformer_rung=ready.conformer.rung,
        timings=clock.seconds,
        modes=modes,
        pocket_suggestion=suggestion,
        reliability=verdict.reliability,
        trajectory=None if frames is None else frames[ranked[0].sample],
    )


def _refined(
    engine: Engine, settings: PredictSettings, ready: PreparedComplex, docked: DockedPoses, first: int
) -> RefinedPoses:
    """The poses after what physics was asked to do, inside the pocket if there is one."""
    prepared, physics = ready.receptor, ready.physics
    pocket, scorer = prepared.pocket, engine.models.contacts if physics.scores else None
    return refine(
        prepared.receptor,
        prepared.field if physics.scores else None,
        ready.ligand,
        docked.pos,
        physics,
        seed=settings.seed,
        stream=ready.stream,
        first=first,
        sphere=None if pocket is None else pocket.sphere(),
        contacts=None if scorer is None else contact_score_of(scorer, prepared.contacts, ready.ligand),
    )


def after_physics(engine: Engine, graph: ComplexGraph, docked: DockedPoses, refined: RefinedPoses) -> DockedPoses:
    """Docked poses with minimised ones in their place, judged again by the confidence model."""
    if not refined.minimised:
        return docked
    if docked.confidence is None:
        return replace(docked, pos=refined.pos)
    logits = engine.judge(engine.models, graph, refined.pos)
    return replace(docked, pos=refined.pos, confidence=logits[:, 0], logits=logits)


def _dock(
    engine: Engine, graph, chosen: DockingSettings, stream: str, progress: Progress
) -> tuple[DockedPoses, list[str]]:
    """Docked poses, and a note when the batch had to be made smaller."""
    docked, size = dock_fitting(engine, graph, chosen, name=stream, on_progress=progress.step)
    if not np.isfinite(docked.pos).all():
        pose = int(np.flatnonzero(~np.isfinite(docked.pos).all((1, 2)))[0])
        raise NumericsError(f"sample {pose} has coordinates that are not finite; try another --seed or checkpoint")
    if size < min(chosen.batch_size, chosen.num_poses):
        return docked, [
            f"the accelerator's memory holds {size} poses of this complex at a time; use --batch-size {size}"
        ]
    return docked, []


def _ranked(
    prepared: PreparedReceptor,
    ligand: Ligand,
    docked: DockedPoses,
    verdict: Verdict,
    drawn: Drawn,
) -> tuple[tuple[RankedPose, ...], tuple[Mode, ...]]:
    """All poses with what is known about them, those that are kept before the others and best first; and the modes."""
    kept = stereo_kept_each(ligand.mol, docked.pos)
    clashes = clash_counts(ligand.mol, docked.pos, prepared.around)
    pocket = prepared.pocket
    distances = None if pocket is None else centroid_distances(docked.pos, pocket.center)
    confidence, latents = docked.confidence, docked.latent_nodes
    has_latents = latents.shape[1] > 0
    order, ranks = rank_order(verdict.score, kept), verdict.ranks(kept & drawn.kept)
    order = order[np.argsort(~drawn.kept[order], kind="stable")]
    cluster = np.empty(len(order), dtype=np.int64)
    cluster[order] = pose_clusters(ligand.mol, docked.pos[order])
    number, codes, log_prob = pose_modes(docked)
    ranked = tuple(
        RankedPose(
            rank=rank,
            sample=sample,
            pos=docked.pos[sample],
            confidence=None if confidence is None else float(confidence[sample]),
            p_rmsd_under_2=None if verdict.near is None else float(verdict.near[sample]),
            latents=node_labels(ligand.mol, prepared.receptor, latents[sample]),
            latent_log_prob=float(docked.latent_log_prob[sample]) if has_latents else None,
            pocket_distance=None if distances is None else float(distances[sample]),
            clash_count=int(clashes[sample]),
            stereo_kept=bool(kept[sample]),
            p_rmsd_under_5=None if verdict.far is None else float(verdict.far[sample]),
            ranks={name: int(rank[sample]) for name, rank in ranks.items()},
            mode=int(number[sample]) if has_latents else None,
            cluster=int(cluster[sample]),
            physics=drawn.refined.poses[sample] if drawn.refined.poses else None,
            validity=drawn.validity[sample] if drawn.validity else None,
        )
        for rank, sample in enumerate(map(int, order), start=1)
    )
    if not has_latents:
        return ranked, ()
    return ranked, tuple(
        _mode(index, node_labels(ligand.mol, prepared.receptor, code), float(log_p), ranked[: drawn.kept.sum()])
        for index, (code, log_p) in enumerate(zip(codes, log_prob, strict=True), start=1)
    )


def _mode(number: int, latents: tuple[str, ...], log_prob: float, ranked: tuple[RankedPose, ...]) -> Mode:
    """A code of the latents with the poses that have it."""
    own = [pose for pose in ranked if pose.mode == number]
    return Mode(
        number=number,
        latents=latents,
        probability=float(f"{math.exp(log_prob):.4g}"),
        poses=len(own),
        clusters=tuple(dict.fromkeys(pose.cluster for pose in own)),
        best_rank=own[0].rank if own else None,
    )


def _conformer_notes(rung: str) -> Iterator[str]:
    """What is worth telling about the starting conformer."""
    if rung != "etkdg":
        yield f"the usual embedding of the ligand failed, so the starting conformer comes from the fallback {rung!r}"


def _pose_notes(prepared: PreparedReceptor, ranked: tuple[RankedPose, ...]) -> Iterator[str]:
    """What is worth telling about the poses."""
    total = len(ranked)
    if ranked[0].confidence is None and ranked[0].physics is None:
        yield "the checkpoint has no confidence model, so poses are listed in the order of sampling"
    changed = sum(not pose.stereo_kept for pose in ranked)
    if changed:
        yield f"{changed} of {total} poses have another stereo configuration than the input and are ranked last"
    if all(pose.clash_count for pose in ranked):
        yield f"every pose overlaps the receptor; the first-ranked one with {ranked[0].clash_count} atoms"
    if prepared.pocket is not None:
        yield from _pocket_notes(prepared.pocket, ranked)


def _validity_notes(
    prepared: PreparedReceptor, ranked: tuple[RankedPose, ...], settings: PredictSettings, problem: str
) -> Iterator[str]:
    """What is worth telling about the checks of the poses."""
    judged = [pose.validity for pose in ranked if pose.validity is not None]
    if problem:
        yield problem
    elif not judged and settings.check_poses is None:
        yield NOT_INSTALLED
    elif judged and not judged[0].valid:
        yield f"the first-ranked pose is not valid by PoseBusters: it fails {', '.join(judged[0].failed)}"
    if judged and is_trace(prepared.receptor):
        yield "the receptor has no side chains, so that poses are valid says little about overlap with it"


def _pocket_notes(pocket: Pocket, ranked: tuple[RankedPose, ...]) -> Iterator[str]:
    """How many poses are outside the pocket or pressed against its border."""
    total = len(ranked)
    depth = pocket.depth(np.array([pose.pos.mean(0) for pose in ranked]))
    outside, border = int((depth < -POCKET_TOLERANCE).sum()), int((np.abs(depth) <= BORDER).sum())
    if outside:
        worst = float(-depth.min())
        yield (
            f"{outside} of {total} poses did not reach the pocket ({pocket}): their centroids lie up to {worst:.1f} "
            "Angstrom outside"
        )
    elif border:
        yield (
            f"{border} of {total} poses lie at the border of the pocket ({pocket}): the networks pull them elsewhere, "
            "so check the hint or make it larger"
        )
