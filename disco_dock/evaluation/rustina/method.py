"""Rustina on the same complexes: a Vinardo search ranked by GNINA's fast network and the energy together.

Source: https://github.com/AdrienCerdan/rustina (MIT; the network's weights are GNINA's, Apache-2.0).
"""

from __future__ import annotations

import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from disco_dock.chem.write_complex import write_receptor_pdb
from disco_dock.evaluation.baseline import DOCK_SECONDS, PREPARE_SECONDS, Budget, Where, in_order, problem
from disco_dock.evaluation.cases import Case
from disco_dock.evaluation.method import RankedPoses
from disco_dock.evaluation.rustina import process as rustina_process
from disco_dock.runtime.capped_worker import CappedWorker
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.versions import package_version

PACKAGES = ("rustina", "meeko", "gemmi")


def require_rustina() -> None:
    """Check that Rustina and what prepares its input are installed.

    Raises:
        ConfigError: one of them is not installed.
    """
    absent = [name for name in PACKAGES if find_spec(name) is None]
    if absent:
        raise ConfigError(
            f"{', '.join(absent)} not installed; pip install 'disco-dock[rustina]' (Linux on x86-64), or leave out "
            "--baseline rustina"
        )


class RustinaMethod:
    """Rustina on one core; a context manager.

    Its own preparation types the receptor, with all groups that were kept, and Meeko the ligand, which starts from the
    conformer that the networks start from, never from the crystal pose.

    Args:
        where: "blind" (box around the receptor) or "pocket" (box around the crystal ligand).
        num_poses: to return where a budget is given; its defaults give 9.
        seed: of its random numbers.
        budget: processor time, or None for its own defaults. Its default search is made even if it takes longer.
    """

    def __init__(self, where: Where, *, num_poses: int, seed: int, budget: Budget | None) -> None:
        require_rustina()
        self.name = f"rustina-{where}" + ("-default" if budget is None else "")
        self._where: Where = where
        self._num_poses, self._seed, self._budget = num_poses, seed, budget
        self.settings: dict[str, Any] = {
            "rustina": package_version("rustina"),
            "meeko": package_version("meeko"),
            "seed": seed,
            **({} if budget is None else {"num_poses": num_poses, "budget": budget.origin}),
        }
        self._worker = CappedWorker()

    def __enter__(self) -> RustinaMethod:
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.close()

    def dock(self, case: Case) -> RankedPoses:
        """Poses in Rustina's order; the score is that of network and energy together."""
        receptor, box, ligand = problem(case, self._where, "Rustina")
        where = (box.center.tolist(), box.size.tolist())
        seconds = None if self._budget is None else self._budget.seconds[case.name]
        begin = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="disco-rustina-") as folder:
            write_receptor_pdb(pdb := Path(folder) / "receptor.pdb", receptor)
            prepare = rustina_process.prepare_receptor
            pdbqt = self._worker.call(prepare, str(pdb), *where, seconds=PREPARE_SECONDS)
        options = (self._num_poses, self._seed, seconds)
        found = self._worker.call(rustina_process.dock, pdbqt, ligand, *where, *options, seconds=DOCK_SECONDS)
        pos = np.stack([in_order(case, mol, "Rustina") for mol in found.poses])
        return RankedPoses(pos, np.array(found.scores), None, time.perf_counter() - begin, found.cpu_seconds)
