"""Physical and chemical validity of poses by PoseBusters.

Source: Buttenschoen, Morris, Deane, Chem. Sci. 2024, 15, 3130. "PB-valid" is passing all tests of its `redock`
configuration but the RMSD, which is a measure of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from rdkit import Chem, rdBase

from disco_dock.evaluation.worker import CappedWorker
from disco_dock.runtime.errors import ConfigError

SECONDS = 120.0  # for all poses of a complex
RMSD_TEST = "rmsd_"


class Validity(NamedTuple):
    """Outcome of the tests for each pose: whether all passed, and the names of those that failed."""

    valid: tuple[bool, ...]
    failed: tuple[tuple[str, ...], ...]


def require_posebusters() -> None:
    """Check that PoseBusters is there.

    Raises:
        ConfigError: it is not installed.
    """
    if find_spec("posebusters") is None:
        raise ConfigError("PoseBusters is not installed; pip install 'disco-dock[evaluate]', or give --check-poses 0")


def check_validity(
    worker: CappedWorker, poses: Sequence[Chem.Mol], crystal: Chem.Mol, protein: Path, *, seconds: float = SECONDS
) -> Validity:
    """PoseBusters' verdict on the poses of a ligand.

    Args:
        worker: where PoseBusters runs.
        poses: molecules with one conformer each.
        crystal: the ligand in its crystal pose.
        protein: PDB file without the ligand.
        seconds: limit for all poses together.

    Raises:
        WorkerError: PoseBusters failed or took too long.
    """
    rows = worker.call(bust, list(poses), crystal, str(protein), seconds=seconds)
    failed = tuple(tuple(name for name, passed in row.items() if not passed) for row in rows)
    return Validity(tuple(not names for names in failed), failed)


def bust(poses: list[Chem.Mol], crystal: Chem.Mol, protein: str) -> list[dict[str, bool]]:
    """Result of each test of each pose; the RMSD is left out."""
    with rdBase.BlockLogs():
        table = _busters().bust(poses, crystal, protein)
    return [
        {str(name): bool(value) for name, value in row.items() if not str(name).startswith(RMSD_TEST)}
        for row in table.to_dict("records")
    ]


@lru_cache(maxsize=1)
def _busters() -> Any:
    from posebusters import PoseBusters

    return PoseBusters(config="redock", max_workers=0)
