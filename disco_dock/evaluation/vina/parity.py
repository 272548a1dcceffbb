"""Our Vina scores compared with those of the `vina` package on the same poses."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from disco_dock.chem.ligand import Ligand
from disco_dock.chem.receptor import Receptor
from disco_dock.chem.write_complex import write_receptor_pdb
from disco_dock.chem.write_sdf import pose_mol
from disco_dock.evaluation.vina import process as vina_process
from disco_dock.physics.vina_receptor import VinaReceptor, receptor_of
from disco_dock.physics.vina_scorer import VinaField, VinaScorer, VinaScores
from disco_dock.runtime.capped_worker import CappedWorker

SECONDS = 120.0
HYDROGEN_BOND_LENGTH = 1.25  # Angstrom
ELEMENTS = {"A": "C", "NA": "N", "OA": "O", "SA": "S", "CL": "Cl", "BR": "Br"}
"""Element of an AutoDock type that is not its own name."""


class Parity(NamedTuple):
    """Scores of one pose in kcal/mol.

    Attributes:
        vina: score, energy with the receptor and energy inside the ligand by the `vina` package.
        same_kinds: ours with the atom kinds of the receptor's PDBQT file that the package read.
        own_kinds: ours with our own typing of the receptor.
    """

    vina: VinaScores
    same_kinds: VinaScores
    own_kinds: VinaScores


class ParityCheck:
    """Scores poses both ways; Open Babel and Vina run in separate processes, since together they abort."""

    def __init__(self) -> None:
        self._preparing, self._scoring = CappedWorker(), CappedWorker()

    def close(self) -> None:
        """End the processes."""
        self._preparing.close()
        self._scoring.close()

    def compare(self, receptor: Receptor, ligand: Ligand, pos: np.ndarray) -> Parity:
        """Scores of a pose (atoms, 3) in the receptor's frame.

        Raises:
            RuntimeError: Open Babel, Meeko or Vina cannot take it.
        """
        with tempfile.TemporaryDirectory(prefix="disco-vina-") as folder:
            pdb, pdbqt = Path(folder) / "receptor.pdb", Path(folder) / "receptor.pdbqt"
            write_receptor_pdb(pdb, receptor)
            self._preparing.call(vina_process.prepare_receptor, str(pdb), str(pdbqt), seconds=SECONDS)
            mol = pose_mol(ligand, pos)
            found = self._scoring.call(vina_process.score_pose, str(pdbqt), mol, seconds=SECONDS)
            read = read_pdbqt(pdbqt)
        ours = [VinaScorer(VinaField(seen), ligand.mol).score(pos[None]) for seen in (read, receptor)]
        return Parity(VinaScores(*(np.array([value]) for value in found)), *ours)


@contextmanager
def parity_check() -> Iterator[ParityCheck]:
    """A comparison whose processes end with the block."""
    check = ParityCheck()
    try:
        yield check
    finally:
        check.close()


def read_pdbqt(path: Path) -> VinaReceptor:
    """A receptor with the atom kinds of a PDBQT file: what accepts is typed so, what bears a polar hydrogen donates."""
    pos: list[list[float]] = []
    types: list[str] = []
    for line in path.read_text().splitlines():
        if line.startswith(("ATOM", "HETATM")):
            pos.append([float(line[30 + 8 * k : 38 + 8 * k]) for k in range(3)])
            types.append(line[77:].strip())
    every, polar, hydrogen = np.array(pos), np.isin(types, ("HD",)), np.isin(types, ("H", "HD"))
    heavy, names = every[~hydrogen], [name for name, h in zip(types, hydrogen, strict=True) if not h]
    donates = np.zeros(len(heavy), dtype=bool)
    if polar.any():
        donates = np.isfinite(KDTree(every[polar]).query(heavy, distance_upper_bound=HYDROGEN_BOND_LENGTH)[0])
    accepts = np.isin(names, ("NA", "OA"))
    return receptor_of(heavy, [ELEMENTS.get(name, name) for name in names], donates, accepts)
