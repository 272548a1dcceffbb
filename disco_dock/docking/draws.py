"""Drawing samples of a complex: a fixed number, or until enough are valid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from disco_dock.docking.refinement import RefinedPoses, concatenate_refined
from disco_dock.docking.settings import PredictSettings
from disco_dock.docking.validity import PoseValidity
from disco_dock.sampling.sample import CPU_GROUP, DockedPoses, concatenate_docked

Draw = Callable[[int, int], tuple[DockedPoses, RefinedPoses]]
CheckValidity = Callable[[np.ndarray], tuple[list[PoseValidity], str]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """Samples 0, 1, 2, .. of a complex.

    Attributes:
        docked: as sampled.
        refined: the same after physics.
        validity: of each, or empty where they were not checked.
        kept: (samples,) bool, those that are the result; at least one.
        note: why the result is not what was asked for, or "".
    """

    docked: DockedPoses
    refined: RefinedPoses
    validity: tuple[PoseValidity, ...]
    kept: np.ndarray
    note: str


def draw_all(draw: Draw, settings: PredictSettings) -> Drawn:
    """The number of samples asked for, valid or not."""
    docked, refined = draw(0, settings.num_poses)
    kept = np.ones(settings.num_poses, dtype=bool)
    return Drawn(docked=docked, refined=refined, validity=(), kept=kept, note="")


def draw_valid(draw: Draw, check: CheckValidity, settings: PredictSettings) -> Drawn:
    """Samples until enough are valid, or until the budget of draws is spent.

    The result is the first valid samples by number, so it does not depend on how many are drawn at a time. Where none
    is valid, or PoseBusters fails, it is the first samples, unchecked.

    Args:
        draw: (first number, count) -> samples.
        check: poses (poses, atoms, 3) -> validity of each, or why it cannot tell.
        settings: number of poses and budget.
    """
    wanted, budget = settings.num_poses, settings.draw_budget
    parts: list[tuple[DockedPoses, RefinedPoses]] = []
    validity: list[PoseValidity] = []
    problem = ""
    while not problem and len(validity) < budget and (missing := wanted - sum(pose.valid for pose in validity)) > 0:
        first = len(validity)
        full = -(-(first + missing) // CPU_GROUP) * CPU_GROUP if first else wanted  # whole groups cost little more
        docked, refined = draw(first, min(budget, full) - first)
        found, problem = check(refined.pos)
        if problem and parts:  # earlier checks remain
            break
        parts.append((docked, refined))
        validity += found
    valid = np.array([pose.valid for pose in validity], dtype=bool)
    enough = np.flatnonzero(np.cumsum(valid) == wanted)
    count = int(enough[0]) + 1 if len(enough) else sum(len(docked.pos) for docked, _ in parts)
    kept = np.zeros(count, dtype=bool)
    kept[: len(valid)] = valid[:count]
    note = _shortfall(int(kept.sum()), count, wanted, problem)
    if not kept.any():
        kept = np.arange(count) < wanted
    return Drawn(
        docked=concatenate_docked([docked for docked, _ in parts]).take(slice(count)),
        refined=concatenate_refined([refined for _, refined in parts]).take(slice(count)),
        validity=tuple(validity[:count]),
        kept=kept,
        note=note,
    )


def _shortfall(valid: int, drawn: int, wanted: int, problem: str) -> str:
    """Why there are fewer valid poses than asked for, or ""."""
    if valid == wanted:
        return ""
    found = f"{valid or 'none'} of {drawn} draws {'is' if valid < 2 else 'are'} valid"
    if valid:
        cure = problem or "allow more draws with --valid-budget"
        return f"only {found}, not the {wanted} asked for; {cure}"
    if problem:
        return f"{problem}; the first {wanted} samples are given as they are"
    return (
        f"{found}, so the first {wanted} are given as they are; allow more draws with --valid-budget, or minimize the "
        "poses"
    )
