"""Poses of another program or a crystal, scored, checked and ranked like our own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from disco_dock.chem.group_request import GroupChoice
from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ligands.read_poses import GivenPoses
from disco_dock.chem.stereo import stereo_kept_each
from disco_dock.data.novelty import Novelty, novelty
from disco_dock.data.training_index import read_index
from disco_dock.docking.binding_modes import near_copies, pose_clusters
from disco_dock.docking.clashes import clash_counts
from disco_dock.docking.engine import Engine
from disco_dock.docking.judging import NOT_AN_AFFINITY, Verdict
from disco_dock.docking.notes import pose_notes, validity_notes
from disco_dock.docking.novelty import nearest_training
from disco_dock.docking.prediction import Prediction, RankedPose
from disco_dock.docking.prepare import PhaseClock
from disco_dock.docking.receptors import PreparedReceptor
from disco_dock.docking.refinement import RefinedPoses, is_trace, refine
from disco_dock.docking.settings import PredictSettings
from disco_dock.docking.validity import pose_validity, prepare_checks
from disco_dock.interactions.reference import atom_maps, read_reference
from disco_dock.physics.settings import PhysicsChoice, PhysicsSettings
from disco_dock.ranking.contact_score import contact_score_of
from disco_dock.ranking.order import rank_order
from disco_dock.ranking.pose_scores import added, added_scores, check_added_score, given_rankings
from disco_dock.runtime.errors import ConfigError

NO_PROBABILITY = (
    "no probability of being near is given: it was measured for poses that are docked here, not for those of others"
)
CONFORMER = "given"
"""What run.json says of the conformer: there was none, poses are as given."""


@dataclass(frozen=True, kw_only=True)
class RescoreSettings:
    """Settings of the scoring of given poses.

    Attributes:
        minimize: "none" scores poses as they are; "vina" or "mmff" moves each to the nearest minimum first.
        search_moves: Monte-Carlo steps around each pose with "vina"; 0 only minimises.
        rank_by: "contacts", "vina" or an added score (`ranking.pose_scores`), or None for contacts where the checkpoint
            has them.
        seed: of the Monte-Carlo steps.
        groups: which groups of the receptor's file are obstacles.
        chains: receptor chains to keep, or None for all.
        check_poses: best-ranked poses that PoseBusters checks, 0 for none; None for all if it is installed.
        reference: file with a known pose of the ligand that the poses are compared with, or None.
    """

    minimize: Literal["none", "vina", "mmff"] = "none"
    search_moves: int = 0
    rank_by: str | None = None
    seed: int = 0
    groups: GroupChoice = GroupChoice()
    chains: tuple[str, ...] | None = None
    check_poses: int | None = None
    reference: Path | None = None

    def __post_init__(self) -> None:
        """Check the choices."""
        if self.rank_by not in (None, *(known := given_rankings())):
            raise ConfigError(f"given poses are ranked by {', '.join(known[:-1])} or {known[-1]}, not {self.rank_by!r}")
        if self.search_moves and self.minimize != "vina":
            raise ConfigError("search moves have no effect without minimizing by vina; leave them out or ask for it")
        self.predict(1, "vina")

    def predict(self, num_poses: int, rank_by: str) -> PredictSettings:
        """The same as settings of a docking run with this number of poses."""
        moves, none = (self.search_moves, 0) if self.minimize == "vina" else (None, None)
        return PredictSettings(
            num_poses=num_poses,
            seed=self.seed,
            groups=self.groups,
            chains=self.chains,
            physics=PhysicsChoice(
                minimize=self.minimize, moves=moves, restarts=none, finalists=none, score=True, rank_by=rank_by
            ),
            check_poses=self.check_poses,
            reference=self.reference,
        )

    def ranking(self, engine: Engine) -> str:
        """The score that ranks the poses with the engine's checkpoint.

        Raises:
            ConfigError: contacts are asked for and the checkpoint has none; or an added score cannot be computed.
        """
        contacts = engine.models.contacts
        if self.rank_by == "contacts" and contacts is None:
            raise ConfigError("this checkpoint has no contact score; rank by vina, or use another checkpoint")
        chosen = self.rank_by or ("vina" if contacts is None else "contacts")
        check_added_score(chosen, contacts)
        return chosen


def rescore_poses(
    engine: Engine, settings: PredictSettings, prepared: PreparedReceptor, given: GivenPoses, *, name: str
) -> Prediction:
    """Given poses of one molecule with their scores and checks, best first.

    Args:
        engine: its checkpoint has the contact score.
        settings: from `RescoreSettings.predict`, for this number of poses.
        prepared: the receptor.
        given: the poses, in the receptor's frame.
        name: of the complex.

    Raises:
        ConfigError: PoseBusters was asked for and is not installed.
        InputError: the reference cannot be read or is another molecule.
    """
    checked = prepare_checks(settings)
    reference = None if settings.reference is None else read_reference(Path(settings.reference))
    if reference is not None:
        atom_maps(given.ligand.mol, reference)  # before any work, that it is the same molecule
    ligand, physics, clock = given.ligand, settings.physics.over(PhysicsSettings()), PhaseClock()
    with clock.phase("physics"):
        scorer = engine.models.contacts
        refined = refine(
            prepared.receptor,
            prepared.field,
            ligand,
            given.pos,
            physics,
            seed=settings.seed,
            stream=f"{ligand.smiles} in {prepared.key}",
            contacts=None if scorer is None else contact_score_of(scorer, prepared.contacts, ligand),
        )
    with clock.phase("checks"):
        verdict = _verdict(engine, prepared, ligand, refined, physics)
        ranked = _ranked(prepared, given, refined, verdict)
        near = _novelty(engine.models.directory, prepared, given, physics)
    problem = ""
    if checked:
        with clock.phase("validity"):
            pos = np.stack([pose.pos for pose in ranked[:checked]])
            found, problem = pose_validity(ligand, pos, stereo_kept_each(ligand.mol, pos), prepared.surroundings)
        judged = (replace(pose, validity=one) for pose, one in zip(ranked, found, strict=False))
        ranked = (*judged, *ranked[len(found) :])
    return Prediction(
        name=name,
        protein=prepared.path,
        receptor=prepared.receptor,
        ligand=ligand,
        ranked=ranked,
        draw_budget=len(ranked),
        reference=reference,
        novelty=near,
        pocket=None,
        seed=settings.seed,
        notes=(
            *prepared.receptor.notes,
            *ligand.notes,
            *verdict.notes,
            *_notes(prepared, refined, physics),
            *pose_notes(prepared, ranked),
            *validity_notes(prepared, ranked, settings, problem),
        ),
        conformer_rung=CONFORMER,
        timings=clock.seconds,
    )


def _verdict(
    engine: Engine, prepared: PreparedReceptor, ligand: Ligand, refined: RefinedPoses, physics: PhysicsSettings
) -> Verdict:
    """Scores that rank the poses; no probability."""
    assert refined.energy is not None
    scores = {"vina": -refined.energy}
    if refined.contacts is not None:
        scores["contacts"] = refined.contacts
    rank_by, weight = physics.rank_by, engine.models.config.cnn_weight
    scores |= added_scores(rank_by, prepared.receptor, ligand, refined.pos, refined.contacts, weight)
    notes = [f"vina_score is an energy of the pose in kcal/mol, {NOT_AN_AFFINITY}", NO_PROBABILITY]
    score = added(rank_by)
    if score is not None and score.note is not None:
        notes.append(score.note())
    return Verdict(scores=scores, rank_by=rank_by, notes=tuple(notes))


def _ranked(
    prepared: PreparedReceptor, given: GivenPoses, refined: RefinedPoses, verdict: Verdict
) -> tuple[RankedPose, ...]:
    """The poses with their scores and checks, best first; `sample` is the place among the given poses."""
    mol, pos = given.ligand.mol, refined.pos
    kept = stereo_kept_each(mol, pos)
    clashes, ranks = clash_counts(mol, pos, prepared.around), verdict.ranks(kept)
    order = rank_order(verdict.score, kept)
    clusters = pose_clusters(mol, pos[order])
    copy_of, copies = near_copies(mol, pos[order])
    return tuple(
        RankedPose(
            rank=rank,
            sample=sample,
            pos=pos[sample],
            confidence=None,
            p_rmsd_under_2=None,
            latents=(),
            latent_log_prob=None,
            pocket_distance=None,
            clash_count=int(clashes[sample]),
            stereo_kept=bool(kept[sample]),
            ranks={name: int(place[sample]) for name, place in ranks.items()},
            added=verdict.added(sample),
            cluster=int(clusters[rank - 1]),
            copy_of=copy_of[rank - 1],
            copies=copies[rank - 1],
            physics=refined.poses[sample],
            given={"given_as": given.origins[sample], **given.tags[sample]},
        )
        for rank, sample in enumerate(map(int, order), start=1)
    )


def _novelty(
    checkpoint: Path, prepared: PreparedReceptor, given: GivenPoses, physics: PhysicsSettings
) -> Novelty | None:
    """Similarity of the complex to the training set; no success rate was measured for given poses."""
    index = read_index(checkpoint)
    if index is None:
        return None
    return novelty(nearest_training(index, prepared.receptor, given.ligand), None, physics)


def _notes(prepared: PreparedReceptor, refined: RefinedPoses, physics: PhysicsSettings) -> Iterator[str]:
    """Notes about the scores and the minimisation."""
    if is_trace(prepared.receptor):
        yield "the receptor has no side chains, so energies and contact scores say little"
    if refined.minimised:
        moved = np.array([pose.minimize_rmsd for pose in refined.poses], dtype=float)
        how = f"Vina with {physics.moves} Monte-Carlo moves" if physics.minimize == "vina" else "MMFF94s"
        yield f"poses are minimized by {how} and moved by {np.median(moved):.2f} Angstrom in the median"
