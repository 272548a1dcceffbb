"""Which of the ranked poses are listed: without near copies, within an energy range, and the first so many, as in Vina.

Nothing is left out unless that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from rdkit import Chem

from disco_dock.docking.binding_modes import near_copies, pose_clusters
from disco_dock.docking.prediction import RankedPose
from disco_dock.docking.settings import PredictSettings
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.runtime.errors import ConfigError


class Listing(NamedTuple):
    """The poses that are listed, best first, and a sentence about those that are not, or ""."""

    poses: tuple[RankedPose, ...]
    note: str


def check_listing(settings: PredictSettings, physics: PhysicsSettings) -> None:
    """Refuse an energy range where poses get no energy.

    Raises:
        ConfigError: with what to do.
    """
    if settings.energy_range is not None and not physics.scores:
        raise ConfigError(
            "an energy range needs Vina scores, which these poses do not get; leave it out, or ask for --physics"
        )


def list_poses(mol: Chem.Mol, ranked: tuple[RankedPose, ...], settings: PredictSettings) -> Listing:
    """The poses that the settings ask for, with ranks, clusters and copies among them.

    Args:
        mol: ligand of L heavy atoms.
        ranked: all poses, best first, at least one.
        settings: `min_rmsd`, `energy_range` and `num_modes`.
    """
    if settings.lists_all:
        return Listing(ranked, "")
    pos = np.stack([pose.pos for pose in ranked])
    merged = np.zeros(len(ranked), dtype=np.int64)
    chosen = np.arange(len(ranked))
    if settings.min_rmsd is not None:
        _, chosen, sizes = np.unique(pose_clusters(mol, pos, settings.min_rmsd), return_index=True, return_counts=True)
        merged[chosen] = sizes - 1
    apart = len(chosen)
    if settings.energy_range is not None:
        energy = np.array([_energy(pose) for pose in ranked])
        chosen = chosen[energy[chosen] <= energy[0] + settings.energy_range]
    near = len(chosen)
    chosen = chosen[: settings.num_modes]
    reasons = [
        (len(ranked) - apart, f"{len(ranked) - apart} within {settings.min_rmsd} Angstrom of a better one"),
        (apart - near, f"{apart - near} more than {settings.energy_range} kcal/mol above the first"),
        (near - len(chosen), f"{near - len(chosen)} beyond the first {settings.num_modes}"),
    ]
    left_out = ", ".join(reason for count, reason in reasons if count)
    note = f"{len(chosen)} of {len(ranked)} poses are listed; left out as asked: {left_out}" if left_out else ""
    return Listing(tuple(_renumbered(mol, [ranked[one] for one in chosen.tolist()], merged[chosen].tolist())), note)


def _energy(pose: RankedPose) -> float:
    """Vina score in kcal/mol."""
    assert pose.physics is not None and pose.physics.vina_score is not None
    return pose.physics.vina_score


def _renumbered(mol: Chem.Mol, poses: list[RankedPose], merged: list[int]) -> Iterator[RankedPose]:
    """The poses with ranks, clusters and copies among them; `merged` poses beside each count as its copies."""
    copy_of, copies = near_copies(mol, np.stack([pose.pos for pose in poses]))
    clusters = {name: number for number, name in enumerate(dict.fromkeys(pose.cluster for pose in poses), start=1)}
    order = {
        name: {rank: place for place, rank in enumerate(sorted(pose.ranks[name] for pose in poses), start=1)}
        for name in poses[0].ranks
    }
    for number, pose in enumerate(poses):
        yield replace(
            pose,
            rank=number + 1,
            ranks={name: order[name][rank] for name, rank in pose.ranks.items()},
            cluster=clusters[pose.cluster],
            copy_of=copy_of[number],
            copies=copies[number] + merged[number],
        )
