"""Sentences about the poses of one complex that a user should read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from disco_dock.docking.pocket import Pocket
from disco_dock.docking.prediction import RankedPose
from disco_dock.docking.receptors import PreparedReceptor
from disco_dock.docking.refinement import is_trace
from disco_dock.docking.settings import PredictSettings
from disco_dock.docking.validity import NOT_INSTALLED
from disco_dock.physics.free_space import free_points
from disco_dock.runtime.notes import Caution

POCKET_TOLERANCE = 0.1  # Angstrom that a pose may lie outside the pocket before it is reported
BORDER = 0.25  # Angstrom


def conformer_notes(rung: str) -> Iterator[str]:
    """Notes about the starting conformer."""
    if rung != "etkdg":
        yield f"the usual embedding of the ligand failed, so the starting conformer comes from the fallback {rung!r}"


def pose_notes(prepared: PreparedReceptor, ranked: tuple[RankedPose, ...]) -> Iterator[str]:
    """Notes about the poses."""
    total = len(ranked)
    if ranked[0].confidence is None and ranked[0].physics is None:
        yield "the checkpoint has no confidence model, so poses are listed in the order of sampling"
    changed = sum(not pose.stereo_kept for pose in ranked)
    if changed:
        yield Caution(
            f"{changed} of {total} poses have another stereo configuration than the input and are ranked last"
        )
    if all(pose.clash_count for pose in ranked):
        yield Caution(f"every pose overlaps the receptor; the first-ranked one with {ranked[0].clash_count} atoms")
    if prepared.pocket is not None:
        yield from _pocket_notes(prepared, prepared.pocket, ranked)


def validity_notes(
    prepared: PreparedReceptor, ranked: tuple[RankedPose, ...], settings: PredictSettings, problem: str
) -> Iterator[str]:
    """Notes about the validity checks."""
    judged = [pose.validity for pose in ranked if pose.validity is not None]
    if problem:
        yield Caution(problem)
    elif not judged and settings.check_poses is None:
        yield NOT_INSTALLED
    elif judged and not judged[0].valid:
        yield Caution(f"the first-ranked pose is not valid by PoseBusters: it fails {', '.join(judged[0].failed)}")
    if judged and is_trace(prepared.receptor):
        yield "the receptor has no side chains, so that poses are valid says little about overlap with it"


def _pocket_notes(prepared: PreparedReceptor, pocket: Pocket, ranked: tuple[RankedPose, ...]) -> Iterator[str]:
    """Whether the pocket has room, and how many poses are outside it or pressed against its border."""
    if ranked[0].physics is not None and not len(free_points(prepared.field.receptor.pos, pocket.sphere(), 0)):
        yield Caution(
            f"the pocket ({pocket}) has no free space at the receptor's surface: move its centre there, make it larger "
            "with --pocket-radius, or name residues on all sides of it"
        )
    total = len(ranked)
    depth = pocket.depth(np.array([pose.pos.mean(0) for pose in ranked]))
    outside, border = int((depth < -POCKET_TOLERANCE).sum()), int((np.abs(depth) <= BORDER).sum())
    if outside:
        worst = float(-depth.min())
        yield Caution(
            f"{outside} of {total} poses did not reach the pocket ({pocket}): their centroids lie up to {worst:.1f} "
            "Angstrom outside; make the pocket larger with --pocket-radius, or dock without one"
        )
    elif border:
        yield Caution(
            f"{border} of {total} poses lie at the border of the pocket ({pocket}): the networks pull them elsewhere, "
            "so check the hint or make it larger"
        )
