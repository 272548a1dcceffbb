"""Physics on sampled poses: Vina scores, minimisation and strain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.receptor import Receptor
from disco_dock.docking.pose_search import Minima, joined_minima, search_poses
from disco_dock.kernels.compiled import available
from disco_dock.physics.core_hold import CoreHold
from disco_dock.physics.mmff import for_each_pose, relax_in_pocket, strain
from disco_dock.physics.search_settings import Sphere
from disco_dock.physics.settings import NO_PHYSICS as NO_PHYSICS_SETTINGS
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.physics.vina_scorer import VinaField, VinaScorer
from disco_dock.ranking.contact_score import PoseScore
from disco_dock.runtime.errors import ConfigError

MIN_ATOMS_PER_RESIDUE = 4  # a backbone
SLOW = {"moves": 100, "restarts": 1, "scatter": 1}
"""At most, without compiled kernels."""


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
        minima: what the searches found beside the poses; None where the poses are all.
    """

    pos: np.ndarray
    minimised: bool
    score: np.ndarray | None
    energy: np.ndarray | None
    contacts: np.ndarray | None = None
    poses: tuple[PosePhysics, ...] = ()
    minima: Minima | None = None

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
        minima=joined_minima([part.minima for part in parts]),
    )


def is_trace(receptor: Receptor) -> bool:
    """Whether a receptor has fewer atoms than a backbone, which is too little for physics."""
    return len(receptor.atom_pos) < MIN_ATOMS_PER_RESIDUE * len(receptor.restype)


def check_side_chains(name: str, receptor: Receptor) -> None:
    """Refuse a complex whose receptor is a trace.

    Raises:
        ConfigError: with the name of the complex.
    """
    if is_trace(receptor):
        raise ConfigError(f"{name}: the receptor is a trace without side chains, which physics needs; leave it out")


def physics_for(receptor: Receptor, settings: PhysicsSettings, *, requested: bool) -> tuple[PhysicsSettings, str]:
    """Physics settings for a receptor, and why they are less than the given ones, or "".

    A trace gets no physics. Without compiled kernels a search on maps would be one on pairs of as many moves, which
    takes minutes: it gets fewer, unless the user asked for physics.

    Args:
        receptor: as read.
        settings: for receptors with side chains.
        requested: whether the user asked for physics, which is then done for any receptor.
    """
    if settings.scores and not requested and is_trace(receptor):
        why = "the receptor is a trace without side chains, so poses are not minimised and are ranked by confidence"
        return NO_PHYSICS_SETTINGS, why
    if settings.minimize == "vina" and settings.search == "maps" and not requested and not available():
        fewest = {name: min(getattr(settings, name), most) for name, most in SLOW.items()}
        fewer = replace(settings, search="pairs", basins=1, **fewest)
        why = (
            "there are no compiled kernels (disco-dock doctor), so poses are searched with "
            f"{fewer.moves} moves in the place of {settings.moves}, and {fewer.restarts} restart of each"
        )
        return fewer, why
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
    core: CoreHold | None = None,
) -> RefinedPoses:
    """Poses minimised and scored; pose k depends only on (seed, stream, k) and its start.

    But for finalists and poses that must be apart: these depend on all poses of the call.

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
        core: atoms that the search holds, or None.
    """
    if not settings.scores or field is None:
        return RefinedPoses.unchanged(pos)
    scorer = VinaScorer(field, ligand.mol)
    before = scorer.score(pos)
    after_pos, minima = pos, None
    if settings.minimize == "vina":
        how = {"seed": seed, "stream": stream, "first": first, "sphere": sphere, "contacts": contacts, "core": core}
        after_pos, minima = search_poses(scorer, ligand, pos, settings, **how)
    elif settings.minimize == "mmff":
        relaxed = for_each_pose(partial(relax_in_pocket, receptor, ligand), pos)
        after_pos = np.stack([one if new is None else new.pos for one, new in zip(pos, relaxed, strict=True)])
    after = scorer.score(after_pos)
    scores = None if contacts is None else contacts(after_pos, after)
    if settings.minimize == "none":
        poses = [PosePhysics(vina_score=score) for score in after.score.tolist()]
    else:
        moved = np.sqrt(((after_pos - pos) ** 2).sum(2).mean(1)).tolist()
        strains = for_each_pose(partial(strain, ligand), after_pos) if with_strain else [None] * len(after_pos)
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
        minima=minima,
    )


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
    again += f", {settings.scatter} times from anywhere in a pocket" if settings.scatter else ""
    again += " on maps" if settings.search == "maps" else ""
    finals = f" ({settings.final_moves} more in {settings.finalists} places)" if settings.finalists else ""
    how = f"Vina with {settings.moves} Monte-Carlo moves{again}{finals}" if settings.minimize == "vina" else "MMFF94s"
    strains = [pose.strain for pose in refined.poses if pose.strain is not None]
    left = f" and left with {np.median(strains):.1f} kcal/mol of strain" if strains else ""
    yield (
        f"poses are minimized by {how}, moved by {np.median(moved):.2f} Angstrom{left} in the median; the poses of the "
        "networks are in poses_sampled.sdf"
    )
