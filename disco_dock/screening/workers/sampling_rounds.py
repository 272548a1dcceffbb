"""Sampling of a ligand in rounds, until its best poses agree or its time is up."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from rdkit import Chem

from disco_dock.chem.symmetry import automorphisms, symmetric_rmsd
from disco_dock.docking.engine import DockFunction
from disco_dock.graph.schema import ComplexGraph
from disco_dock.sampling.network_batch import CPU_GROUP
from disco_dock.sampling.sample import DockedPoses, concatenate_docked
from disco_dock.sampling.settings import DockingSettings
from disco_dock.weights.networks import Models

AGREEMENT = 2.0  # Angstrom
AGREEING = 4  # poses near the best one, itself included


@dataclass(frozen=True, kw_only=True, slots=True)
class StopRule:
    """When sampling of a ligand stops.

    Attributes:
        converged: once the best-ranked pose stays within 2 Angstrom of the best-ranked one of the rounds before, and
            at least 4 poses are that near to it.
        seconds: once sampling has taken this long, or None. The number of poses then depends on the machine.
    """

    converged: bool = False
    seconds: float | None = None

    @property
    def acts(self) -> bool:
        """Whether it can stop sampling."""
        return self.converged or self.seconds is not None


class RoundSampler:
    """A dock function for one ligand that applies a stop rule between rounds of poses.

    A round has 8 poses, a whole group of a CPU, so pose k is the same whenever sampling stops.

    Attributes:
        converged: whether the last call stopped because poses agreed.
        fitted: batch size of the last call that fitted into memory.
    """

    def __init__(self, dock: DockFunction, mol: Chem.Mol, rule: StopRule) -> None:
        """Sample with a dock function.

        Args:
            dock: samples poses.
            mol: ligand, for the deviation of poses.
            rule: when to stop.
        """
        self.converged = False
        self.fitted = 0
        self._dock, self._mol, self._rule = dock, mol, rule

    def __call__(self, models: Models, graph: ComplexGraph, settings: DockingSettings, **options: Any) -> DockedPoses:
        """Docked poses, at most `settings.num_poses`; arguments as of `sampling.sample.dock`."""
        begin = time.perf_counter()
        size = CPU_GROUP if self._rule.acts else settings.num_poses
        parts: list[DockedPoses] = []
        best: np.ndarray | None = None
        self.converged = False
        for first in range(0, settings.num_poses, size):
            count = min(size, settings.num_poses - first)
            parts.append(self._dock(models, graph, replace(settings, first=first, num_poses=count), **options))
            if first + count == settings.num_poses:
                break
            docked = concatenate_docked(parts)
            before, best = best, best_pose(docked)
            if self._rule.converged and before is not None and agree(self._mol, docked.pos, best, before):
                self.converged = True
                break
            if self._rule.seconds is not None and time.perf_counter() - begin >= self._rule.seconds:
                break
        self.fitted = settings.batch_size
        return concatenate_docked(parts)


def best_pose(docked: DockedPoses) -> np.ndarray:
    """(atoms, 3) the pose of the highest confidence, the first one without confidence."""
    return docked.pos[0 if docked.confidence is None else int(np.argmax(docked.confidence))]


def agree(mol: Chem.Mol, pos: np.ndarray, best: np.ndarray, before: np.ndarray) -> bool:
    """Whether the best pose (atoms, 3) is that of before, and enough of all poses (poses, atoms, 3) are near it."""
    symmetry = automorphisms(mol)
    near = symmetric_rmsd(mol, np.concatenate([pos, before[None]]), best, symmetry=symmetry) < AGREEMENT
    return bool(near[-1]) and int(near[:-1].sum()) >= AGREEING
