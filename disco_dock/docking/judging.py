"""Ranks and probabilities of poses: by confidence, Vina energy and contact score, and by the checkpoint's judge."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.receptor import Receptor
from disco_dock.chem.symmetry import Automorphisms, automorphisms, symmetric_rmsd
from disco_dock.docking.pose_search import Minima
from disco_dock.docking.refinement import RefinedPoses
from disco_dock.physics.settings import RANKINGS, PhysicsChoice, PhysicsSettings
from disco_dock.ranking.confidence_calibration import Calibration
from disco_dock.ranking.evidence import NEIGHBOURHOOD, PoseInputs, Recurrence
from disco_dock.ranking.judge import HowMade, PoseJudge
from disco_dock.ranking.order import rank_order
from disco_dock.ranking.pose_scores import added, added_scores, check_added_score
from disco_dock.ranking.reliability import Reliability
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.notes import Caution
from disco_dock.sampling.latent_choice import LatentChoice
from disco_dock.sampling.sample import DockedPoses, DockingSettings
from disco_dock.weights.config import CheckpointConfig
from disco_dock.weights.networks import Models

NEAR, FAR = 2.0, 5.0  # Angstrom
FEWEST_SHARE = 0.5
"""With a smaller share of the poses of the fit, a probability would be too high: see docs/ranking.md."""
MOST_MAPS = 16
"""Symmetries that count where a pose is compared with all that the searches found."""
ROUNDING = 1e-6  # Angstrom
NOT_AN_AFFINITY = "not a binding affinity"
NOT_FROM_START = (
    "no probability of being near is given: it rests on the agreement among poses, and these start from the same one"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Verdict:
    """Scores and probabilities of the poses of one complex, in the order of sampling.

    Attributes:
        scores: those that are known, by the names of `ranking.pose_scores.rankings`, each (poses,); higher is better.
        rank_by: which of them ranks.
        near: (poses,) P(RMSD < 2 Angstrom), or None where nothing is calibrated for such poses.
        far: (poses,) the same for 5 Angstrom, or None.
        reliability: how well these probabilities held on held-out complexes.
        notes: what a user should know, one sentence each.
    """

    scores: Mapping[str, np.ndarray] = field(default_factory=dict)
    rank_by: str = "confidence"
    near: np.ndarray | None = None
    far: np.ndarray | None = None
    reliability: tuple[Reliability, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def score(self) -> np.ndarray | None:
        """(poses,) what ranks the poses, or None for the order of sampling."""
        return self.scores.get(self.rank_by)

    def ranks(self, stereo_kept: np.ndarray) -> dict[str, np.ndarray]:
        """Rank of each pose (poses,), from 1, by each score."""
        found = {}
        for name, score in self.scores.items():
            found[name] = np.empty(len(score), dtype=np.int64)
            found[name][rank_order(score, stereo_kept)] = np.arange(1, len(score) + 1)
        return found

    def added(self, pose: int) -> dict[str, float]:
        """What the added scores give a pose, by name."""
        return {name: float(score[pose]) for name, score in self.scores.items() if name not in RANKINGS}


def judge_poses(
    config: CheckpointConfig,
    ligand: Ligand,
    docked: DockedPoses,
    refined: RefinedPoses,
    physics: PhysicsSettings,
    settings: DockingSettings,
    receptor: Receptor | None = None,
) -> Verdict:
    """The verdict on the poses of one complex.

    Args:
        config: of the checkpoint, with its calibration and its judge.
        ligand: the molecule.
        docked: poses after physics, with the confidence in them.
        refined: their energies and scores.
        physics: how they were minimised and scored.
        settings: how they were sampled.
        receptor: for scores that were added (`ranking.pose_scores`); without it there are none.
    """
    scores = {} if docked.confidence is None else {"confidence": docked.confidence}
    notes = []
    if refined.energy is not None:
        scores["vina"] = -refined.energy
        notes.append(f"vina_score is an energy of the pose in kcal/mol, {NOT_AN_AFFINITY}")
    if refined.contacts is not None:
        scores["contacts"] = refined.contacts
    own = None if receptor is None else added(physics.rank_by)
    if receptor is not None and own is not None:
        scores |= added_scores(physics.rank_by, receptor, ligand, docked.pos, refined.contacts, config.cnn_weight)
        notes.extend([] if own.note is None else [own.note()])
    verdict = Verdict(scores=scores, rank_by=physics.rank_by, notes=tuple(notes))
    if not refined.minimised and settings.start is None:
        return _by_calibration(verdict, config.calibration, docked.logits)
    judge = config.pose_judge
    if not refined.minimised:
        return replace(verdict, notes=(*notes, NOT_FROM_START))
    if judge is None or not _fits(judge, physics) or _lacks(judge, docked.confidence, refined.contacts):
        note = f"no probability of being near is given: none was fitted to poses minimized by {physics.minimize}"
        return replace(verdict, rank_by=_without_judge(verdict), notes=(*notes, note))
    facts = pose_inputs(ligand, docked.pos, refined, docked.confidence)
    scores["consensus"] = judge.logit(facts)
    if settings.start is not None:
        rank_by = _without_judge(verdict) if physics.rank_by == config.physics.rank_by else physics.rank_by
        return replace(verdict, scores=scores, rank_by=rank_by, notes=(*notes, NOT_FROM_START))
    fewest = math.ceil(FEWEST_SHARE * judge.made.num_poses)
    if len(docked.pos) < fewest:
        note = Caution(
            "no probability of being near is given: it rests on the agreement among poses and needs at least "
            f"{fewest} of them, not {len(docked.pos)}"
        )
        return replace(verdict, scores=scores, notes=(*notes, note))
    as_measured = physics.rank_by == config.physics.rank_by
    reliability = tuple(one for one in judge.reliability if as_measured or one.which == "all")
    return replace(
        verdict,
        scores=scores,
        near=judge.probability(facts, NEAR),
        far=judge.probability(facts, FAR),
        reliability=reliability,
        notes=(
            *notes,
            *_reliability_notes(_fit_of(judge), reliability),
            *_made_otherwise(judge.made, config, physics, settings),
        ),
    )


def check_physics(choice: PhysicsChoice, models: Models) -> PhysicsSettings:
    """Minimisation, scores and ranking of poses, after checking that the checkpoint allows them.

    Raises:
        ConfigError: the checkpoint has no judge, or one of poses minimised otherwise; or the choice contradicts itself.
    """
    settings, judge = choice.over(models.config.physics), models.config.pose_judge
    if settings.rank_by == "contacts" and models.contacts is None:
        raise ConfigError(
            "this checkpoint has no contact score; rank by confidence or vina, or fit one with disco-dock fit contacts"
        )
    check_added_score(settings.rank_by, models.contacts)
    if settings.rank_by != "consensus":
        return settings
    if choice.rank_by is None and (judge is None or not _fits(judge, settings)):
        return replace(settings, rank_by="vina" if models.contacts is None else "contacts")
    if judge is None or _lacks(judge, models.confidence, models.contacts):
        raise ConfigError(
            "this checkpoint has no consensus weights; rank by confidence or vina, or fit them with "
            "disco-dock fit judge"
        )
    if not _fits(judge, settings):
        raise ConfigError(
            f"the consensus weights are for poses minimized by {judge.made.minimize}, not by {settings.minimize}; ask "
            "for the same, or rank by confidence or vina"
        )
    return settings


def pose_inputs(ligand: Ligand, pos: np.ndarray, refined: RefinedPoses, confidence: np.ndarray | None) -> PoseInputs:
    """Input of the judge for poses (poses, atoms, 3) in Angstrom with their Vina energies and contact scores."""
    assert refined.energy is not None
    symmetry = automorphisms(ligand.mol)
    near = _near(ligand, pos, pos, symmetry)
    near = near | near.T | np.eye(len(pos), dtype=bool)
    return PoseInputs(
        energy=refined.energy,
        near=near,
        confidence=confidence,
        atoms=ligand.num_atoms,
        contacts=refined.contacts,
        recurrence=None if refined.minima is None else recurrence(ligand, pos, refined.minima, symmetry),
    )


def recurrence(ligand: Ligand, pos: np.ndarray, minima: Minima, symmetry: Automorphisms) -> Recurrence:
    """What of all that was found agrees with each pose (poses, atoms, 3) in Angstrom.

    Of a molecule with very many symmetries only the first count.
    """
    few = symmetry._replace(maps=symmetry.maps[:MOST_MAPS])
    near = _near(ligand, pos, minima.pos, few)
    weight = np.exp(minima.score - minima.score.max())
    searches = [len(np.unique(minima.search[own])) for own in near]
    return Recurrence(near @ weight / weight.sum(), np.array(searches) / len(np.unique(minima.search)))


def _near(ligand: Ligand, pos: np.ndarray, others: np.ndarray, symmetry: Automorphisms) -> np.ndarray:
    """(poses, others) bool: which of (others, atoms, 3) lie within `NEIGHBOURHOOD` of each of (poses, atoms, 3).

    No RMSD is smaller than the distance of the centroids, so most pairs need none.
    """
    gap = np.linalg.norm(pos.mean(1)[:, None] - others.mean(1), axis=2)
    near = gap < NEIGHBOURHOOD + ROUNDING
    for row, one in zip(near, pos, strict=True):
        close = np.flatnonzero(row)
        if len(close):
            row[close] = symmetric_rmsd(ligand.mol, others[close], one, symmetry=symmetry) < NEIGHBOURHOOD
    return near


def _by_calibration(verdict: Verdict, calibration: Calibration | None, logits: np.ndarray | None) -> Verdict:
    """The verdict with the probabilities of poses as sampled, by the thresholds that are calibrated."""
    if calibration is None or logits is None:
        return verdict
    found = {
        fit.threshold: np.array([fit.probability(float(value)) for value in column])
        for fit, column in zip(calibration.thresholds, logits.T, strict=False)
    }
    known = [one for one in calibration.reliability if one.threshold in found]
    near = [one for one in known if one.threshold == NEAR]
    return replace(
        verdict,
        near=found.get(NEAR),
        far=found.get(FAR),
        reliability=tuple(known),
        notes=(*verdict.notes, *_reliability_notes("calibrated", near)),
    )


def _lacks(judge: PoseJudge, confidence: object, contacts: object) -> bool:
    """Whether a score that the judge reads is missing."""
    return (judge.needs_confidence and confidence is None) or (judge.needs_contacts and contacts is None)


def _without_judge(verdict: Verdict) -> str:
    """What ranks where the judge cannot: the contact score where there is one."""
    if verdict.rank_by != "consensus":
        return verdict.rank_by
    return next(name for name in ("contacts", "vina", "confidence") if name in verdict.scores)


def _fits(judge: PoseJudge, physics: PhysicsSettings) -> bool:
    return judge.made.minimize == physics.minimize


def _fit_of(judge: PoseJudge) -> str:
    """On what a judge was fitted."""
    if judge.cross_validated:
        return f"fitted on {judge.complexes} held-out complexes (measured by cross-validation)"
    return f"fitted on {judge.complexes} training complexes"


def _reliability_notes(how: str, reliability: Sequence[Reliability]) -> Iterator[str]:
    """How far P(RMSD < 2 Angstrom) can be trusted."""
    for one in reliability:
        if one.threshold == NEAR:
            which = "first-ranked poses" if one.which == "first" else "poses"
            yield (
                f"p_rmsd_under_2 is {how}; measured on {one.poses} {which} of {one.complexes} held-out complexes: "
                f"expected calibration error {one.ece:.3f}, Brier score {one.brier:.3f} "
                f"(a constant has {one.base_brier:.3f})"
            )


def _made_otherwise(
    made: HowMade, config: CheckpointConfig, physics: PhysicsSettings, settings: DockingSettings
) -> Iterator[str]:
    """A warning when the poses of the fit were made with other settings."""
    pairs = (
        ("poses", settings.num_poses, made.num_poses),
        ("steps", settings.sampler.steps, made.steps),
        ("search moves", physics.moves, made.moves),
        ("restarts", physics.restarts, made.restarts),
        ("scattered searches", physics.scatter, made.scatter),
        ("finalists", physics.finalists, made.finalists),
        ("basins", physics.basins, made.basins),
        ("Angstrom between poses", physics.apart, made.apart),
        ("shapes of rings", physics.rings, made.rings),
    )
    differences = [f"{own} {name} in place of {fitted}" for name, own, fitted in pairs if own != fitted]
    if physics.search != made.search:
        differences.append(f"a search on {physics.search} in place of {made.search}")
    if settings.pocket is not None:
        differences.append("a pocket in place of the whole receptor")
    if settings.choice != LatentChoice():
        differences.append("latents that were chosen")
    tuned = (replace(config.sampler, steps=settings.sampler.steps), config.latent_inverse_temperature, config.guidance)
    if (settings.sampler, settings.latent_inverse_temperature, settings.guidance) != tuned:
        differences.append("another way of sampling")
    if differences:
        yield Caution(
            f"the probabilities and the consensus were fitted on poses made otherwise ({'; '.join(differences)}), so "
            "trust them less"
        )
