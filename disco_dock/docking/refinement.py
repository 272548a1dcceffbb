"""Physics on sampled poses: Vina scores, minimisation and strain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from disco_dock.chem.conformer_matching import apply_torsions
from disco_dock.chem.ligand import Ligand
from disco_dock.chem.receptor import Receptor
from disco_dock.chem.torsions import rotatable_bonds
from disco_dock.physics.mmff import relax_in_pocket, strain
from disco_dock.physics.search_settings import SearchSettings, Sphere
from disco_dock.physics.settings import NO_PHYSICS as NO_PHYSICS_SETTINGS
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.physics.vina_scorer import VinaField, VinaScorer
from disco_dock.ranking.contact_score import PoseScore
from disco_dock.runtime.random import derive_seed

MIN_ATOMS_PER_RESIDUE = 4  # a backbone
RESTART_SHIFT = 1.0  # Angstrom, standard deviation of each coordinate of the centroid
PLACE = 2.0  # Angstrom of RMSD, symmetry not counted, beyond which two poses are in different places


@dataclass(frozen=True, kw_only=True)
class PosePhysics:
    """Physics of one pose.

    Attributes:
        vina_score: kcal/mol, not an affinity.
        contact_score: higher is better, or None where the checkpoint has none.
        vina_score_before: the same of the pose before it was minimised, or None.
        minimize_rmsd: Angstrom by which minimisation moved it, or None.
        strain: kcal/mol of MMFF94s above the free ligand's nearest minimum, or None.
    """

    vina_score: float | None = None
    contact_score: float | None = None
    vina_score_before: float | None = None
    minimize_rmsd: float | None = None
    strain: float | None = None

    def columns(self) -> dict[str, Any]:
        """The values by column of the table, rounded."""
        values = {"vina_score": 3, "contact_score": 3, "vina_score_before": 3, "minimize_rmsd": 3, "strain": 2}
        found = {name: getattr(self, name) for name in values}
        return {
            name: None if value is None or not np.isfinite(value) else round(float(value), values[name])
            for name, value in found.items()
        }


NO_PHYSICS = PosePhysics()


@dataclass(frozen=True, kw_only=True, eq=False)
class RefinedPoses:
    """Poses after physics, in the order of sampling.

    Attributes:
        pos: (poses, atoms, 3) Angstrom in the receptor's frame; as sampled when nothing is minimised.
        minimised: whether they differ from the sampled ones.
        score: (poses,) Vina scores, kcal/mol, or None when they were not asked for.
        energy: (poses,) Vina energy with the receptor and inside the ligand, kcal/mol, or None.
        contacts: (poses,) contact scores, higher is better, or None where the checkpoint has none.
        poses: physics of each pose; empty when it was not asked for.
    """

    pos: np.ndarray
    minimised: bool
    score: np.ndarray | None
    energy: np.ndarray | None
    contacts: np.ndarray | None = None
    poses: tuple[PosePhysics, ...] = ()

    @classmethod
    def unchanged(cls, pos: np.ndarray) -> RefinedPoses:
        """Poses (poses, atoms, 3) without physics."""
        return cls(pos=pos, minimised=False, score=None, energy=None)

    def take(self, index: slice) -> RefinedPoses:
        """Some of the poses."""
        taken = {name: getattr(self, name) for name in ("score", "energy", "contacts")}
        known = {name: value[index] for name, value in taken.items() if value is not None}
        return replace(self, pos=self.pos[index], poses=self.poses[index], **known)


def concatenate_refined(parts: Sequence[RefinedPoses]) -> RefinedPoses:
    """Poses of several draws of one complex as those of one."""

    def together(name: str) -> np.ndarray | None:
        known = [getattr(part, name) for part in parts if getattr(part, name) is not None]
        return np.concatenate(known) if known else None

    return RefinedPoses(
        pos=np.concatenate([part.pos for part in parts]),
        minimised=parts[0].minimised,
        score=together("score"),
        energy=together("energy"),
        contacts=together("contacts"),
        poses=tuple(pose for part in parts for pose in part.poses),
    )


def is_trace(receptor: Receptor) -> bool:
    """Whether a receptor has fewer atoms than a backbone, which is too little for physics."""
    return len(receptor.atom_pos) < MIN_ATOMS_PER_RESIDUE * len(receptor.restype)


def physics_for(receptor: Receptor, settings: PhysicsSettings, *, requested: bool) -> tuple[PhysicsSettings, str]:
    """Physics settings for a receptor, and why they are less than the given ones, or "". A trace gets no physics.

    Args:
        receptor: as read.
        settings: for receptors with side chains.
        requested: whether the user asked for physics, which is then done for any receptor.
    """
    if settings.scores and not requested and is_trace(receptor):
        why = "the receptor is a trace without side chains, so poses are not minimised and are ranked by confidence"
        return NO_PHYSICS_SETTINGS, why
    return settings, ""


def refine(
    receptor: Receptor,
    field: VinaField | None,
    ligand: Ligand,
    pos: np.ndarray,
    settings: PhysicsSettings,
    *,
    seed: int,
    stream: str,
    first: int = 0,
    sphere: Sphere | None = None,
    with_strain: bool = True,
    contacts: PoseScore | None = None,
) -> RefinedPoses:
    """Poses minimised and scored; pose k depends only on (seed, stream, k) and its start.

    Finalists are the exception: which poses are searched further depends on the energies of all.

    Args:
        receptor: with its atoms.
        field: the same prepared for Vina; may be None when nothing is asked for.
        ligand: of L heavy atoms.
        pos: (poses, L, 3) sampled poses in the receptor's frame, Angstrom.
        settings: what to do.
        seed: of the run.
        stream: of the complex.
        first: sample number of the first pose.
        sphere: where minimised poses stay, or None.
        with_strain: whether minimised poses get their strain, which takes as long as the search.
        contacts: the contact score of the ligand in the receptor, or None.
    """
    if not settings.scores or field is None:
        return RefinedPoses.unchanged(pos)
    scorer = VinaScorer(field, ligand.mol)
    before = scorer.score(pos)
    after_pos = pos
    if settings.minimize == "vina":
        seeds = [derive_seed("physics", seed, stream, pose) for pose in range(first, first + len(pos))]
        search = partial(scorer.search, settings=SearchSettings(moves=settings.moves), sphere=sphere)
        after_pos = search(pos, seeds)
        if settings.restarts:
            again = {"key": ("restart", seed, stream), "first": first, "count": settings.restarts}
            starts, seeds = restarted(ligand, after_pos, **again)
            after_pos = best_of_each(scorer, contacts, after_pos, search(starts, seeds))
        if settings.finalists:
            chosen = lowest_places(after_pos, np.add(*scorer.energies(after_pos)[:2]), settings.finalists)
            seeds = [derive_seed("finalist", seed, stream, first + pose) for pose in chosen.tolist()]
            further = SearchSettings(moves=settings.final_moves)
            after_pos[chosen] = scorer.search(after_pos[chosen], seeds, further, sphere)
    elif settings.minimize == "mmff":
        relaxed = [relax_in_pocket(receptor, ligand, one) for one in pos]
        after_pos = np.stack([one if new is None else new.pos for one, new in zip(pos, relaxed, strict=True)])
    after = scorer.score(after_pos)
    scores = None if contacts is None else contacts(after_pos, after)
    if settings.minimize == "none":
        poses = [PosePhysics(vina_score=score) for score in after.score.tolist()]
    else:
        moved = np.sqrt(((after_pos - pos) ** 2).sum(2).mean(1)).tolist()
        strains = [strain(ligand, one) if with_strain else None for one in after_pos]
        columns = zip(after.score.tolist(), before.score.tolist(), moved, strains, strict=True)
        poses = [
            PosePhysics(vina_score=own, vina_score_before=was, minimize_rmsd=shift, strain=bent)
            for own, was, shift, bent in columns
        ]
    if scores is not None:
        poses = [replace(pose, contact_score=own) for pose, own in zip(poses, scores.tolist(), strict=True)]
    return RefinedPoses(
        pos=after_pos,
        minimised=settings.minimize != "none",
        score=after.score,
        energy=after.inter + after.intra,
        contacts=scores,
        poses=tuple(poses),
    )


def restarted(
    ligand: Ligand, pos: np.ndarray, *, key: tuple[str, int, str], first: int, count: int
) -> tuple[np.ndarray, list[int]]:
    """Random orientations and torsions about where poses are, (count * poses, atoms, 3), and seeds for their searches.

    Args:
        ligand: of L heavy atoms.
        pos: (poses, L, 3) Angstrom.
        key: of the random numbers, together with the number of the pose and of the start.
        first: sample number of the first pose.
        count: starts for each pose; all poses' first ones come first.
    """
    torsions = rotatable_bonds(ligand.mol)
    seeds = [derive_seed(*key, number, pose) for number in range(count) for pose in range(first, first + len(pos))]
    draws = [np.random.default_rng(one) for one in seeds]
    angles = np.stack([draw.uniform(-np.pi, np.pi, len(torsions.bonds)) for draw in draws])
    turns = Rotation.from_quat(np.stack([draw.normal(size=4) for draw in draws])).as_matrix()
    shifts = np.stack([draw.normal(scale=RESTART_SHIFT, size=3) for draw in draws])
    starts = apply_torsions(np.tile(pos, (count, 1, 1)), torsions, angles)
    starts -= starts.mean(1, keepdims=True)
    places = np.tile(pos.mean(1), (count, 1)) + shifts
    return starts @ turns.transpose(0, 2, 1) + places[:, None], seeds


def best_of_each(scorer: VinaScorer, contacts: PoseScore | None, pos: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(poses, atoms, 3) the best of each pose and its others, by contact score, or by energy without one.

    Args:
        scorer: of the energy.
        contacts: the contact score of the ligand in the receptor, or None.
        pos: (poses, L, 3) Angstrom.
        others: (count * poses, L, 3), in the order of `restarted`.
    """
    everything = np.concatenate([pos, others])
    energies = scorer.score(everything)
    scores = -(energies.inter + energies.intra) if contacts is None else contacts(everything, energies)
    best = scores.reshape(-1, len(pos)).argmax(0)
    return everything.reshape(-1, *pos.shape)[best, np.arange(len(pos))]


def lowest_places(pos: np.ndarray, energy: np.ndarray, count: int) -> np.ndarray:
    """Indices of the poses of lowest energy in at most `count` places, more than `PLACE` apart from each other.

    Args:
        pos: (poses, atoms, 3) Angstrom.
        energy: (poses,).
        count: places.
    """
    chosen: list[int] = []
    for pose in np.argsort(energy, kind="stable").tolist():
        if len(chosen) == count:
            break
        if not chosen or np.sqrt(((pos[chosen] - pos[pose]) ** 2).sum(2).mean(1)).min() > PLACE:
            chosen.append(pose)
    return np.array(chosen, dtype=np.int64)


def refinement_notes(refined: RefinedPoses, settings: PhysicsSettings) -> Iterator[str]:
    """What a user should know about minimised poses, one sentence each."""
    if not refined.minimised:
        return
    moved = np.array([pose.minimize_rmsd for pose in refined.poses], dtype=float)
    if settings.minimize == "mmff" and (moved == 0).any():
        yield f"MMFF94s does not know atoms of the ligand or its pocket: {(moved == 0).sum()} poses are as sampled"
    if any(pose.strain is None for pose in refined.poses):
        yield "MMFF94s does not know an atom of the ligand, so its strain is not known"
    again = f", {settings.restarts + 1} times from different orientations" if settings.restarts else ""
    finals = f" ({settings.final_moves} more in {settings.finalists} places)" if settings.finalists else ""
    how = f"Vina with {settings.moves} Monte-Carlo moves{again}{finals}" if settings.minimize == "vina" else "MMFF94s"
    strains = [pose.strain for pose in refined.poses if pose.strain is not None]
    left = f" and left with {np.median(strains):.1f} kcal/mol of strain" if strains else ""
    yield (
        f"poses are minimized by {how}, moved by {np.median(moved):.2f} Angstrom{left} in the median; the poses of the "
        "networks are in poses_sampled.sdf"
    )
