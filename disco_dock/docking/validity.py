"""Validity of poses by PoseBusters, which runs in a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.posebusters_checks import (
    PACKAGE,
    Surroundings,
    check_validity,
    posebusters_is_there,
    require_posebusters,
)
from disco_dock.chem.write_sdf import pose_mol
from disco_dock.docking.settings import PredictSettings
from disco_dock.runtime.capped_worker import CappedWorker, WorkerError

STEREO = "stereochemistry"
"""Name of our own check: stereo centres and double bonds as in the input, see `chem.stereo`."""
NOT_INSTALLED = "PoseBusters is not installed, so poses were not checked; pip install 'disco-dock[evaluate]'"

_worker, _turn = CappedWorker((PACKAGE,)), threading.Lock()  # imports take seconds, so one process serves all complexes


class PoseValidity(NamedTuple):
    """Whether a pose passes all checks, and the names of those that it fails."""

    valid: bool
    failed: tuple[str, ...]


def prepare_checks(settings: PredictSettings) -> int:
    """How many of the best-ranked poses of a run are checked; the process for it starts meanwhile.

    Raises:
        ConfigError: PoseBusters was asked for and is not installed.
    """
    wanted = settings.num_poses if settings.check_poses is None else settings.check_poses
    if settings.valid_only or settings.check_poses:
        require_posebusters("leave out --valid-only and --check-poses")
    if not wanted or not posebusters_is_there():
        return 0
    with _turn:
        _worker.start()
    return min(wanted, settings.num_poses)


def pose_validity(
    ligand: Ligand, pos: np.ndarray, stereo_kept: np.ndarray, around: Surroundings
) -> tuple[list[PoseValidity], str]:
    """Validity of each pose; or none, and why, where PoseBusters fails or takes too long.

    Args:
        ligand: of L heavy atoms.
        pos: (poses, L, 3) in the receptor's frame, Angstrom.
        stereo_kept: (poses,) bool.
        around: the receptor.
    """
    poses = [pose_mol(ligand, one) for one in pos]
    try:
        with _turn:
            found = check_validity(_worker, poses, around)
    except WorkerError as error:
        return [], f"PoseBusters failed, so poses were not checked ({error})"
    names = [
        (*failed, *(() if kept else (STEREO,))) for failed, kept in zip(found.failed, stereo_kept.tolist(), strict=True)
    ]
    return [PoseValidity(not failed, failed) for failed in names], ""


def was_checked(record: Mapping[str, Any], count: int) -> bool:
    """Whether a run.json says that at least so many of the best-ranked poses were checked."""
    return (record["validity"] or {"checked": 0})["checked"] >= min(count, record["best"]["num_poses"])
