"""Docked poses of one complex judged by an all-atom confidence network."""

from __future__ import annotations

import torch
from torch import Tensor

from disco_dock.graph.batch import collate
from disco_dock.graph.schema import ComplexGraph
from disco_dock.models.all_atom.confidence import AllAtomConfidence
from disco_dock.models.all_atom.edges import required_atoms

CPU_POSES = 1
"""Poses per call on a CPU. Every pose has edges of its own, and alone it has the same bits whatever its company;
benchmarks/confidence_speed.py compares more at a time."""
GPU_POSES = 16


class AllAtomConfidenceRunner:
    """Confidence of poses of one complex; what depends on the receptor alone is computed once."""

    def __init__(self, model: AllAtomConfidence, graph: ComplexGraph, device: torch.device) -> None:
        """Prepare the receptor.

        Raises:
            ConfigError: the graph has no receptor atoms, or no language-model features of the right size.
        """
        trunk = model.config.trunk
        batch = collate([graph], radius=trunk.receptor_radius, neighbours=trunk.receptor_neighbours)
        required_atoms(batch)
        self._model, self._batch = model, batch.to(device)
        self._chunk = CPU_POSES if device.type == "cpu" else GPU_POSES
        with torch.no_grad():
            self._run = model.trunk.receptor_run(self._batch)

    @torch.no_grad()
    def __call__(self, pos: Tensor) -> Tensor:
        """(poses,) logit of the best class, of poses (poses, atoms, 3) in the graph's frame."""
        parts = []
        for part in pos.split(self._chunk):
            rows, run = self._batch.expand(len(part)), self._run.repeat(len(part))
            parts.append(self._model(rows, part, run)[:, 0])
        return torch.cat(parts)
