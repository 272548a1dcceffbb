"""Scores of a pose expert for the rows of a network batch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from disco_dock.diffusion.schedule import NoiseConfig, Scores, Sigmas, sigmas, time_grid
from disco_dock.diffusion.so3 import igso3_table
from disco_dock.graph.heavy_atoms import HeavyAtoms
from disco_dock.graph.ligand_batch import LigandBatch, ligands_of
from disco_dock.graph.schema import GraphBatch
from disco_dock.models.pose_expert.network import LigandState, PoseExpert
from disco_dock.runtime.errors import CheckpointError


class PoseScores:
    """A pose expert with the atoms of one receptor.

    On a CPU each pose is a batch of its own without padding, so that its scores do not depend on its company.

    Args:
        expert: network.
        atoms: heavy atoms of the receptor in the graph's frame.
        device: where the network lies.

    Raises:
        CheckpointError: the complex was prepared without its atoms.
    """

    def __init__(self, expert: PoseExpert, atoms: HeavyAtoms | None, device: torch.device) -> None:
        if atoms is None:
            raise CheckpointError("the pose expert of this checkpoint needs the receptor's atoms; prepare it with them")
        self.expert, self.table = expert, igso3_table()
        self.receptors = expert.receptors([atoms.to(device)])
        self._alone: dict[bytes, tuple[LigandBatch, LigandState]] = {}

    def __call__(self, graphs: GraphBatch, pos: Tensor, sigma: Sigmas) -> Scores:
        """Scores of poses (rows, atoms, 3) at noise levels that all rows share; zero in blank rows."""
        ligands = ligands_of(graphs)
        rows = ligands.mask.any(1).nonzero()[:, 0]
        scores = Scores(
            pos.new_zeros(len(pos), 3), pos.new_zeros(len(pos), 3), pos.new_zeros(len(pos), ligands.bonds.shape[1])
        )
        if pos.device.type == "cpu":
            groups = [(rows[k : k + 1], *self._own(ligands, row)) for k, row in enumerate(rows.tolist())]
        else:
            live = ligands.each(lambda part: part[rows])
            groups = [(rows, live, self.expert.ligands(live))] if len(rows) else []
        for group, some, states in groups:
            found = self._scores(some, states, pos[group, : some.mask.shape[1]], sigma)
            scores.tr[group], scores.rot[group] = found.tr, found.rot
            scores.tor[group, : found.tor.shape[1]] = found.tor
        return scores

    def _own(self, ligands: LigandBatch, row: int) -> tuple[LigandBatch, LigandState]:
        """A row's ligand alone, and what the expert knows of it before it has a pose; kept from step to step."""
        one = ligands.alone(row)
        key = b"".join(part.numpy().tobytes() for part in one)
        if key not in self._alone:
            self._alone[key] = one, self.expert.ligands(one)
        return self._alone[key]

    def _scores(self, ligands: LigandBatch, states: LigandState, pos: Tensor, sigma: Sigmas) -> Scores:
        count = len(pos)
        levels = Sigmas(*(torch.full((count,), float(value), device=pos.device) for value in sigma))
        found = self.expert(
            ligands, pos, levels, self.table, ligands=states, receptors=self.receptors, owner=[0] * count
        )
        return found.scores


class Handover(NamedTuple):
    """Where a reverse process goes from the score model to the pose expert.

    Attributes:
        steps: of the score model's process, from its largest noise on.
        noise: of the expert's process: the translation goes on where it is, rotation and torsions begin unknown anew,
            for a score model that sees no atoms knows little of them.
    """

    steps: int
    noise: NoiseConfig

    @classmethod
    def at(cls, level: float, noise: NoiseConfig, steps: int) -> Handover:
        """After the last step that begins with more translation noise than a level (Angstrom).

        Args:
            level: translation noise.
            noise: ranges of the noise of the score model.
            steps: of its whole reverse process.
        """
        above = sum(float(sigmas(t, noise).tr) > level for t in time_grid(steps))
        reached = float(sigmas(1 - above / steps, noise).tr)
        return cls(
            above,
            NoiseConfig(
                tr_min=noise.tr_min,
                tr_max=max(reached, 1.01 * noise.tr_min),
                rot_min=noise.rot_min,
                rot_max=noise.rot_max,
                tor_min=noise.tor_min,
                tor_max=noise.tor_max,
            ),
        )
