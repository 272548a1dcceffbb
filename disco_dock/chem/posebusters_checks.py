"""Physical and chemical validity of poses by PoseBusters.

Source: Buttenschoen, Morris, Deane, Chem. Sci. 2024, 15, 3130. "PB-valid" is passing all tests of its `redock`
configuration but the RMSD, which is a measure of its own; without a crystal pose, all of its `dock` configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from rdkit import Chem, rdBase
from scipy.spatial import KDTree

from disco_dock.chem.posebusters_distances import NAME, REPLACED, check_distances
from disco_dock.chem.receptor import Receptor
from disco_dock.chem.write_complex import receptor_lines
from disco_dock.runtime.capped_worker import CappedWorker
from disco_dock.runtime.errors import ConfigError

SECONDS = 120.0  # for all poses of a complex
RMSD_TEST = "rmsd_"
REACH = 6.01
"""Angstrom beyond which no test looks at the receptor: distances are searched to 6 Angstrom, volumes nearer."""
PACKAGE = "posebusters"


class Validity(NamedTuple):
    """Outcome of the tests for each pose: whether all passed, and the names of those that failed."""

    valid: tuple[bool, ...]
    failed: tuple[tuple[str, ...], ...]


class Surroundings:
    """A receptor with its metals, ions and cofactors, from which what is near a pose is cut.

    PoseBusters goes through all atoms of a receptor a dozen times for each pose; near atoms give the same verdict.

    Args:
        receptor: without the ligand.
    """

    def __init__(self, receptor: Receptor) -> None:
        self._lines = [line for line in receptor_lines(receptor) if line.startswith(("ATOM", "HETATM"))]
        self._tree = KDTree(np.array([[float(line[at : at + 8]) for at in (30, 38, 46)] for line in self._lines]))

    def near(self, pos: np.ndarray) -> str:
        """PDB text of the atoms within reach of points (atoms, 3) in Angstrom; at least of the nearest atom."""
        distance, nearest = map(np.asarray, self._tree.query(pos))
        found = {int(nearest[distance.argmin()])}.union(*self._tree.query_ball_point(pos, REACH))
        return "\n".join([*(self._lines[atom] for atom in sorted(found)), "END", ""])


def posebusters_is_there() -> bool:
    """Whether PoseBusters is installed."""
    return find_spec(PACKAGE) is not None


def require_posebusters(instead: str) -> None:
    """Check that PoseBusters is there.

    Args:
        instead: what to do without it.

    Raises:
        ConfigError: it is not installed.
    """
    if not posebusters_is_there():
        raise ConfigError(f"PoseBusters is not installed; pip install 'disco-dock[evaluate]', or {instead}")


def check_validity(
    worker: CappedWorker,
    poses: Sequence[Chem.Mol],
    around: Surroundings,
    *,
    crystal: Chem.Mol | None = None,
    seconds: float = SECONDS,
) -> Validity:
    """PoseBusters' verdict on the poses of a ligand.

    Args:
        worker: where PoseBusters runs.
        poses: molecules with one conformer each, hydrogens included.
        around: the receptor.
        crystal: the ligand in its crystal pose, where there is one to compare composition and stereo with.
        seconds: limit for all poses together.

    Raises:
        WorkerError: PoseBusters failed or took too long.
    """
    near = [around.near(pose.GetConformer().GetPositions()) for pose in poses]
    rows = worker.call(bust, list(poses), near, crystal, seconds=seconds)
    failed = tuple(tuple(name for name, passed in row.items() if not passed) for row in rows)
    return Validity(tuple(not names for names in failed), failed)


def bust(poses: list[Chem.Mol], near: list[str], crystal: Chem.Mol | None) -> list[dict[str, bool]]:
    """Result of each test of each pose of one molecule; the RMSD is left out, and a test that cannot be made passes.

    Args:
        poses: with one conformer each.
        near: PDB text of what is around each pose.
        crystal: see `check_validity`.
    """
    import pandas as pd

    busters, geometry = _busters("dock" if crystal is None else "redock")
    options = {"sanitize": False, "removeHs": False, "proximityBonding": False}
    with rdBase.BlockLogs():
        around = [Chem.MolFromPDBBlock(text, **options) for text in near]
        table = pd.DataFrame({"mol_pred": poses, "mol_true": [crystal] * len(poses), "mol_cond": around})
        tests = busters.bust_table(table).to_dict("records")
        shapes = _geometry_tests(poses, geometry)
    return [
        {
            str(name): True if pd.isna(value) else bool(value)
            for name, value in {**row, **shape}.items()
            if not str(name).startswith(RMSD_TEST)
        }
        for row, shape in zip(tests, shapes, strict=True)
    ]


@lru_cache(maxsize=2)
def _busters(config: str) -> tuple[Any, dict[str, Any]]:
    """PoseBusters without its slow geometry module, with distances compared faster, and the settings of the former."""
    from posebusters import PoseBusters
    from posebusters.posebusters import module_dict

    module_dict[NAME] = check_distances  # beside the package's own, which others in the process may use
    busters = PoseBusters(config=config, max_workers=0)
    modules = busters.config["modules"]
    busters.config["modules"] = [
        {**one, "function": NAME} if one["function"] == REPLACED else one
        for one in modules
        if one["function"] != "distance_geometry"
    ]
    return busters, next(one for one in modules if one["function"] == "distance_geometry")


def _geometry_tests(poses: list[Chem.Mol], module: dict[str, Any]) -> list[dict[str, Any]]:
    """Bond lengths, angles and internal clashes of poses of one molecule.

    The bounds on its distances do not depend on the pose, and finding them takes PoseBusters longer than all else: it
    is asked for them once, and all poses are compared with them together.
    """
    from posebusters import check_geometry

    limits = module["parameters"]
    outcome = check_geometry(poses[0], **limits)
    names = module["rename_outputs"]
    labels = {test: str(label).lower().replace(" ", "_") for test, label in names.items()}
    if "details" not in outcome:  # a single atom, or a molecule that has no bounds: the same for every pose
        return [{label: outcome["results"][test] for test, label in labels.items()}] * len(poses)
    pos = np.stack([pose.GetConformer().GetPositions() for pose in poses])
    found = outcome["details"]
    short_bonds, long_bonds = _beyond(pos, found["bonds"])
    small_angles, large_angles = _beyond(pos, found["angles"])
    clashes, _ = _beyond(pos, found["clash"])
    passed = {
        "bond_lengths_within_bounds": np.maximum(short_bonds, long_bonds) <= limits["threshold_bad_bond_length"],
        "bond_angles_within_bounds": np.maximum(small_angles, large_angles) <= limits["threshold_bad_angle"],
        "no_internal_clash": clashes <= limits["threshold_clash"],
    }
    return [{label: passed[test][pose] for test, label in labels.items()} for pose in range(len(poses))]


def _beyond(pos: np.ndarray, bounds: Any) -> tuple[np.ndarray, np.ndarray]:
    """Largest fractions (poses,) by which distances fall below their lower bounds and exceed their upper ones.

    Args:
        pos: (poses, atoms, 3) in Angstrom.
        bounds: table of atom_pair, lower_bound and upper_bound.
    """
    if len(bounds) == 0:
        return np.zeros(len(pos)), np.zeros(len(pos))
    first, second = np.array(bounds["atom_pair"].tolist()).T
    low, high = (bounds[name].to_numpy(dtype=float) for name in ("lower_bound", "upper_bound"))
    distance = np.linalg.norm(pos[:, first] - pos[:, second], axis=2)
    return ((low - distance) / low).clip(0).max(1), ((distance - high) / high).clip(0).max(1)
