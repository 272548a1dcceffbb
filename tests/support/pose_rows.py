"""Rows of poses whose odds of being near follow a known rule."""

from __future__ import annotations

import numpy as np

from disco_dock.evaluation.fit.pose_rows import PoseRow


def planted_rows(complexes: int, *, seed: int = 0, poses: int = 20) -> list[PoseRow]:
    """logit P(RMSD < 2) = -5 - 10 energy per atom + 4 agreement; the confidence says nothing; ids are seed-number."""
    draws, rows = np.random.default_rng(seed), []
    for number in range(complexes):
        atoms = int(draws.integers(10, 40))
        place = draws.uniform(0, 8, poses)
        near = np.abs(place[:, None] - place[None]) < 2
        energy = atoms * draws.normal(-0.3, 0.1, poses)
        logit = -5 - 10 * energy / atoms + 4 * (near.sum(1) - 1) / (poses - 1)
        hit = draws.uniform(size=poses) < 1 / (1 + np.exp(-logit))
        rows.append(
            PoseRow(
                id=f"{seed}-{number}",
                atoms=atoms,
                rmsd=tuple(np.where(hit, 1.0, np.where(draws.uniform(size=poses) < 0.5, 4.0, 8.0)).tolist()),
                energy=tuple(energy.tolist()),
                confidence=tuple(draws.normal(size=poses).tolist()),
                stereo_kept=(True,) * poses,
                near=tuple(tuple(np.flatnonzero(one).tolist()) for one in near & ~np.eye(poses, dtype=bool)),
            )
        )
    return rows
