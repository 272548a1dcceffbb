"""AutoDock Vina on the same complexes, blind and in the pocket, within a stated processor time.

Source: Eberhardt et al., J. Chem. Inf. Model. 2021, 61, 3891 (Vina 1.2).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rdkit import Chem

from disco_dock.chem.write_complex import write_receptor_pdb
from disco_dock.chem.write_sdf import pose_mol
from disco_dock.docking.refinement import is_trace
from disco_dock.evaluation.boxes import blind_box, pocket_box
from disco_dock.evaluation.cases import Case
from disco_dock.evaluation.method import RankedPoses
from disco_dock.evaluation.vina import process as vina_process
from disco_dock.runtime.capped_worker import CappedWorker
from disco_dock.runtime.errors import ConfigError, InputError
from disco_dock.runtime.versions import package_version

PACKAGES = {"vina": "vina", "meeko": "meeko", "gemmi": "gemmi", "openbabel": "openbabel-wheel"}
"""Module: distribution."""
PREPARE_SECONDS = 120.0
DOCK_SECONDS = 3600.0

Where = Literal["blind", "pocket"]


def require_vina() -> None:
    """Check that Vina and the programs that prepare its input are installed.

    Raises:
        ConfigError: one of them is not installed.
    """
    absent = [name for module, name in PACKAGES.items() if find_spec(module) is None]
    if absent:
        raise ConfigError(f"{', '.join(absent)} not installed; pip install 'disco-dock[vina]', or leave out --baseline")


class VinaMethod:
    """AutoDock Vina on one core with a limit of processor time; a context manager.

    Hydrogens are added and atoms typed by Open Babel for the receptor and by Meeko for the ligand, which starts from
    the conformer that the networks start from, never from the crystal pose.

    Args:
        where: "blind" (box around the receptor) or "pocket" (box around the crystal ligand).
        num_poses: to return.
        seed: of its random numbers.
        budget: processor seconds by complex; at least one Monte-Carlo run is always made.
        budget_origin: what the budget depends on, as plain values; another origin makes earlier rows void.
    """

    def __init__(
        self, where: Where, *, num_poses: int, seed: int, budget: Mapping[str, float], budget_origin: Any
    ) -> None:
        require_vina()
        self.name = f"vina-{where}"
        self._where, self._num_poses, self._seed, self._budget = where, num_poses, seed, budget
        self.settings: dict[str, Any] = {
            "vina": package_version("vina"),
            "meeko": package_version("meeko"),
            "openbabel": package_version("openbabel-wheel"),
            "num_poses": num_poses,
            "seed": seed,
            "budget": budget_origin,
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
        receptor = case.receptor
        if receptor is None:
            raise InputError(f"{case.name}: shards hold no receptor atoms; give the files of the complexes")
        if is_trace(receptor):
            raise InputError(f"{case.name}: the receptor is a trace without side chains, which Vina cannot dock into")
        box = blind_box(receptor) if self._where == "blind" else pocket_box(case.crystal)
        ligand = pose_mol(case.ligand, case.graph.conformer.double().numpy() + box.center)
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
                self._budget[case.name],
                seconds=DOCK_SECONDS,
            )
        pos = np.stack([_in_order(case, mol) for mol in found.poses])
        return RankedPoses(pos, -np.array(found.energies), None, time.perf_counter() - begin, found.cpu_seconds)


def _in_order(case: Case, mol: Chem.Mol) -> np.ndarray:
    """Positions of a docked molecule in the atom order of the case's ligand.

    Raises:
        InputError: it is another molecule.
    """
    heavy = Chem.RemoveAllHs(mol)
    match = heavy.GetSubstructMatch(case.ligand.mol)
    if len(match) != case.ligand.num_atoms or len(match) != heavy.GetNumAtoms():
        raise InputError(f"{case.name}: Vina's output is not the ligand; leave it out")
    return heavy.GetConformer().GetPositions()[list(match)]
