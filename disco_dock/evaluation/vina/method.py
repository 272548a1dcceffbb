"""AutoDock Vina on the same complexes, blind and in the pocket, within a stated processor time.

Source: Eberhardt et al., J. Chem. Inf. Model. 2021, 61, 3891 (Vina 1.2).
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
from disco_dock.evaluation.vina import process as vina_process
from disco_dock.runtime.capped_worker import CappedWorker
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.versions import package_version

PACKAGES = {"vina": "vina", "meeko": "meeko", "gemmi": "gemmi", "openbabel": "openbabel-wheel"}
"""Module: distribution."""
EXHAUSTIVENESS = (8, 32)
"""Monte-Carlo runs that Vina makes by default, and that its authors advise for hard cases."""


def require_vina() -> None:
    """Check that Vina and the programs that prepare its input are installed.

    Raises:
        ConfigError: one of them is not installed.
    """
    absent = [name for module, name in PACKAGES.items() if find_spec(module) is None]
    if absent:
        raise ConfigError(f"{', '.join(absent)} not installed; pip install 'disco-dock[vina]', or leave out --baseline")


class VinaMethod:
    """AutoDock Vina on one core; a context manager.

    Hydrogens are added and atoms typed by Open Babel for the receptor and by Meeko for the ligand, which starts from
    the conformer that the networks start from, never from the crystal pose.

    Args:
        where: "blind" (box around the receptor) or "pocket" (box around the crystal ligand).
        num_poses: to return.
        seed: of its random numbers.
        effort: processor time, of which at least one Monte-Carlo run is always made; or a number of such runs
            (Vina's exhaustiveness), whatever they take.
    """

    def __init__(self, where: Where, *, num_poses: int, seed: int, effort: Budget | int) -> None:
        require_vina()
        self.name = f"vina-{where}" + (f"-exhaustiveness-{effort}" if isinstance(effort, int) else "")
        self._where: Where = where
        self._num_poses, self._seed, self._effort = num_poses, seed, effort
        self.settings: dict[str, Any] = {
            "vina": package_version("vina"),
            "meeko": package_version("meeko"),
            "openbabel": package_version("openbabel-wheel"),
            "num_poses": num_poses,
            "seed": seed,
            **({"exhaustiveness": effort} if isinstance(effort, int) else {"budget": effort.origin}),
        }
        # Open Babel and Vina abort when both are loaded into one process.
        self._preparing, self._docking = CappedWorker(), CappedWorker()

    def __enter__(self) -> VinaMethod:
        return self

    def __exit__(self, *_: object) -> None:
        self._preparing.close()
        self._docking.close()

    def dock(self, case: Case) -> RankedPoses:
        """Poses by energy, lowest first; the score is minus the energy in kcal/mol."""
        receptor, box, ligand = problem(case, self._where, "Vina")
        runs = self._effort if isinstance(self._effort, int) else None
        seconds = 0.0 if isinstance(self._effort, int) else self._effort.seconds[case.name]
        begin = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="disco-vina-") as folder:
            pdb, pdbqt = Path(folder) / "receptor.pdb", Path(folder) / "receptor.pdbqt"
            write_receptor_pdb(pdb, receptor)
            self._preparing.call(vina_process.prepare_receptor, str(pdb), str(pdbqt), seconds=PREPARE_SECONDS)
            found = self._docking.call(
                vina_process.dock,
                str(pdbqt),
                ligand,
                box.center.tolist(),
                box.size.tolist(),
                self._num_poses,
                self._seed,
                seconds,
                runs,
                seconds=DOCK_SECONDS,
            )
        pos = np.stack([in_order(case, mol, "Vina") for mol in found.poses])
        return RankedPoses(pos, -np.array(found.energies), None, time.perf_counter() - begin, found.cpu_seconds)
