"""Docking one complex: receptor, conformer, graph, poses, ranking. The one place that knows the order."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.stereo import stereo_kept_each
from disco_dock.docking.binding_modes import Mode, near_copies, pose_clusters, pose_modes, suggest_pockets
from disco_dock.docking.clashes import centroid_distances, clash_counts, node_labels
from disco_dock.docking.core import core_notes
from disco_dock.docking.draws import Drawn, draw_all, draw_valid
from disco_dock.docking.engine import Engine
from disco_dock.docking.group_notes import group_notes
from disco_dock.docking.judging import Verdict, judge_poses
from disco_dock.docking.ligand_size import size_notes
from disco_dock.docking.listing import check_listing, list_poses
from disco_dock.docking.notes import conformer_notes, pose_notes, validity_notes
from disco_dock.docking.novelty import NO_INDEX, complex_novelty, novelty_notes
from disco_dock.docking.prediction import Prediction, RankedPose
from disco_dock.docking.prepare import PreparedComplex, prepare_complex
from disco_dock.docking.receptors import PreparedReceptor, ReceptorStore
from disco_dock.docking.refinement import RefinedPoses, refinement_notes
from disco_dock.docking.sample_and_refine import OnStep, after_physics, sample_and_refine
from disco_dock.docking.settings import PredictSettings
from disco_dock.docking.validity import PoseValidity, pose_validity, prepare_checks
from disco_dock.ranking.order import rank_order
from disco_dock.sampling.sample import DockedPoses


def predict_complex(
    engine: Engine,
    settings: PredictSettings,
    store: ReceptorStore,
    protein: Path,
    ligand: Ligand,
    *,
    name: str,
    on_step: OnStep | None = None,
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
        on_step: told about the sampling.

    Raises:
        DiscoError: with one sentence on what is wrong.
    """
    ready = prepare_complex(engine, settings, store, protein, ligand)
    return predict_prepared(engine, settings, ready, name=name, on_step=on_step)


def predict_prepared(
    engine: Engine,
    settings: PredictSettings,
    ready: PreparedComplex,
    *,
    name: str,
    docked: DockedPoses | None = None,
    on_step: OnStep | None = None,
) -> Prediction:
    """Ranked poses of a complex that `prepare_complex` made with the same engine and settings.

    Args:
        engine: networks and dock function.
        settings: of the run.
        ready: the complex.
        name: of the complex, for messages.
        docked: its first `settings.num_poses` samples, if they are already drawn.
        on_step: told about the sampling.

    Raises:
        DiscoError: with one sentence on what is wrong.
    """
    check_listing(settings, ready.physics)
    checked = prepare_checks(settings)
    prepared, ligand, graph, physics, clock = ready.receptor, ready.ligand, ready.graph, ready.physics, ready.clock
    target, notes = ready.target, list[str]()

    def draw(first: int, count: int) -> tuple[DockedPoses, RefinedPoses]:
        samples = sample_and_refine(
            engine,
            target,
            replace(ready.sampling, first=first, num_poses=count),
            physics,
            contacts=engine.models.contacts,
            docked=docked if first == 0 else None,
            on_step=on_step,
            phase=clock.phase,
        )
        if samples.batch_size < min(ready.sampling.batch_size, count):
            size = samples.batch_size
            note = f"the accelerator's memory holds {size} poses of this complex at a time; use --batch-size {size}"
            notes.extend([note] if note not in notes else [])
        return samples.docked, samples.refined

    def check_validity(pos: np.ndarray) -> tuple[list[PoseValidity], str]:
        with clock.phase("validity"):
            return pose_validity(ligand, pos, stereo_kept_each(ligand.mol, pos), prepared.surroundings)

    drawn = draw_valid(draw, check_validity, settings) if settings.valid_only else draw_all(draw, settings)
    refined = drawn.refined
    with clock.phase("physics"):
        sampled = drawn.docked.pos
        final = after_physics(engine, graph, drawn.docked, refined)
    with clock.phase("checks"):
        verdict = judge_poses(engine.models.config, ligand, final, refined, physics, ready.sampling, prepared.receptor)
        core_rmsd = None if ready.core is None else ready.core.rmsd(final.pos)
        everything = _ranked(ready, final, verdict, drawn, core_rmsd)
        kept = int(drawn.kept.sum())
        ranked, unlisted = list_poses(ligand.mol, everything[:kept], settings)
        modes, left_out = _modes(prepared, ligand, final, ranked), kept - len(ranked)
        survey, frames = final.survey, final.frames
        suggestion = None if survey is None else suggest_pockets(survey, ligand.num_atoms, prepared.receptor)
        near = complex_novelty(engine.models.directory, prepared.receptor, ligand, physics)
    problem = drawn.note
    if checked and not settings.valid_only:
        found, problem = check_validity(np.stack([pose.pos for pose in ranked[:checked]]))
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
        rejected=everything[kept:],
        unlisted=left_out,
        draw_budget=settings.draw_budget,
        novelty=near,
        pocket=prepared.pocket,
        seed=settings.seed,
        sampled=sampled[[pose.sample for pose in ranked]] if refined.minimised else None,
        notes=(
            *prepared.receptor.notes,
            *ligand.notes,
            *conformer_notes(ready.conformer.rung),
            *filter(None, [ready.skipped_physics, ready.start_note]),
            *core_notes(ready.core, core_rmsd),
            *notes,
            *refinement_notes(refined, physics),
            *size_notes(ligand),
            *pose_notes(prepared, ranked),
            *group_notes(prepared.receptor, ligand, ranked[0].pos),
            *validity_notes(prepared, ranked, settings, problem),
            *filter(None, [unlisted]),
            *verdict.notes,
            *([NO_INDEX] if near is None else novelty_notes(near)),
        ),
        conformer_rung=ready.conformer.rung,
        timings=clock.seconds,
        modes=modes,
        pocket_suggestion=suggestion,
        reliability=verdict.reliability,
        trajectory=None if frames is None else frames[ranked[0].sample],
        reference=ready.reference,
    )


def _ranked(
    ready: PreparedComplex,
    docked: DockedPoses,
    verdict: Verdict,
    drawn: Drawn,
    core_rmsd: np.ndarray | None,
) -> tuple[RankedPose, ...]:
    """All poses with their scores and checks, kept ones first and best first."""
    prepared, ligand = ready.receptor, ready.ligand
    kept = stereo_kept_each(ligand.mol, docked.pos)
    asked = kept if ready.core is None or core_rmsd is None else kept & (core_rmsd <= ready.core.tolerance)
    clashes = clash_counts(ligand.mol, docked.pos, prepared.around)
    pocket = prepared.pocket
    distances = None if pocket is None else centroid_distances(docked.pos, pocket.center)
    confidence, latents = docked.confidence, docked.latent_nodes
    has_latents = latents.shape[1] > 0
    order, ranks = rank_order(verdict.score, asked), verdict.ranks(asked & drawn.kept)
    order = order[np.argsort(~drawn.kept[order], kind="stable")]
    cluster = np.empty(len(order), dtype=np.int64)
    cluster[order] = pose_clusters(ligand.mol, docked.pos[order])
    copy_of, copies = near_copies(ligand.mol, docked.pos[order])
    number, _, _ = pose_modes(docked)
    return tuple(
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
            core_rmsd=None if core_rmsd is None else float(core_rmsd[sample]),
            p_rmsd_under_5=None if verdict.far is None else float(verdict.far[sample]),
            ranks={name: int(rank[sample]) for name, rank in ranks.items()},
            added=verdict.added(sample),
            mode=int(number[sample]) if has_latents else None,
            cluster=int(cluster[sample]),
            copy_of=copy_of[rank - 1],
            copies=copies[rank - 1],
            physics=drawn.refined.poses[sample] if drawn.refined.poses else None,
            validity=drawn.validity[sample] if drawn.validity else None,
        )
        for rank, sample in enumerate(map(int, order), start=1)
    )


def _modes(
    prepared: PreparedReceptor, ligand: Ligand, docked: DockedPoses, ranked: tuple[RankedPose, ...]
) -> tuple[Mode, ...]:
    """The codes of the latents with their listed poses; none without latents."""
    if not docked.latent_nodes.shape[1]:
        return ()
    _, codes, log_prob = pose_modes(docked)
    return tuple(
        _mode(index, node_labels(ligand.mol, prepared.receptor, code), float(log_p), ranked)
        for index, (code, log_p) in enumerate(zip(codes, log_prob, strict=True), start=1)
    )


def _mode(number: int, latents: tuple[str, ...], log_prob: float, ranked: tuple[RankedPose, ...]) -> Mode:
    """A code of the latents with its poses."""
    own = [pose for pose in ranked if pose.mode == number]
    return Mode(
        number=number,
        latents=latents,
        probability=float(f"{math.exp(log_prob):.4g}"),
        poses=len(own),
        clusters=tuple(dict.fromkeys(pose.cluster for pose in own)),
        best_rank=own[0].rank if own else None,
    )
