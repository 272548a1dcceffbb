"""Methods to evaluate: anything that gives ranked poses of a complex. Here the networks; others are in `baselines`."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.special import expit

from disco_dock.chem.stereo import stereo_kept_each
from disco_dock.docking.judging import Verdict, check_physics, judge_poses
from disco_dock.docking.refinement import physics_for
from disco_dock.evaluation.cases import Case
from disco_dock.evaluation.docked_once import SharedDocking
from disco_dock.physics.settings import NO_PHYSICS, PhysicsChoice, PhysicsSettings
from disco_dock.ranking.order import rank_order
from disco_dock.runtime.errors import InputError, NumericsError
from disco_dock.sampling.sample import DockedPoses


class RankedPoses(NamedTuple):
    """Poses of a complex, best first.

    Attributes:
        pos: (poses, atoms, 3) in the frame of the case's ligand, Angstrom.
        score: (poses,) the ranking score, higher is better, or None.
        probability: (poses,) that the RMSD is below 2 Angstrom, or None when the method says nothing about it.
        seconds: wall time of the docking.
        cpu_seconds: processor time over all threads.
    """

    pos: np.ndarray
    score: np.ndarray | None
    probability: np.ndarray | None
    seconds: float
    cpu_seconds: float


class Method(Protocol):
    """Something that docks.

    Attributes:
        name: for files and columns.
        settings: what its poses depend on besides the complex, as plain values.
    """

    name: str
    settings: dict[str, Any]

    def dock(self, case: Case) -> RankedPoses:
        """Ranked poses of a complex.

        Raises:
            DiscoError: it cannot be docked.
        """
        ...


def _physics_name(physics: PhysicsSettings) -> list[str]:
    minimized = [] if physics.minimize == "none" else [physics.minimize]
    return minimized + ([] if physics.rank_by == "confidence" else [f"by-{physics.rank_by}"])


class NetworkMethod:
    """Docking with the networks of a checkpoint, ranked as `predict` ranks: stereo kept first, then confidence.

    Args:
        shared: the networks and how to sample, and what other methods have docked already.
        physics: what is done with the samples before they are ranked; nothing by default.
        in_pocket: whether the centre of Vina's pocket box is told, as `predict --pocket-center` tells it.
        physics_requested: whether the user asked for physics, which traces without side chains get only then.

    Raises:
        ConfigError: the checkpoint cannot rank as asked.
    """

    def __init__(
        self,
        shared: SharedDocking,
        physics: PhysicsSettings = NO_PHYSICS,
        *,
        physics_requested: bool = True,
        in_pocket: bool = False,
    ) -> None:
        engine = shared.engine
        check_physics(PhysicsChoice.exactly(physics), engine.models)
        self._shared, self._physics = shared, physics
        self._requested, self._in_pocket = physics_requested, in_pocket
        self.name = "-".join(["disco-dock", *_physics_name(physics), *(["pocket"] if in_pocket else [])])
        plain = asdict(shared.settings)
        for name in ("batch_size", "first"):  # the batch size changes no pose, and the first sample is always 0
            plain.pop(name)
        self.settings: dict[str, Any] = {
            "checkpoint": engine.models.sha256,
            "sampling": json.loads(json.dumps(plain, default=str)),
        }
        if physics != NO_PHYSICS:
            self.settings["physics"] = asdict(physics)
            if not physics_requested:
                self.settings["traces"] = "without physics"
        if in_pocket:
            self.settings["in_pocket"] = True

    def dock(self, case: Case) -> RankedPoses:
        """Poses in the order that `predict` gives them."""
        if case.receptor is None and self._physics.scores:
            raise InputError(f"{case.name}: shards hold no receptor atoms, which physics needs; give the files")
        physics, shared = self._physics, self._shared
        if case.receptor is not None:
            physics, _ = physics_for(case.receptor, physics, requested=self._requested)
        (docked, refined), seconds, cpu = shared.refined(case, physics, in_pocket=self._in_pocket)
        begin, cpu_begin = time.perf_counter(), time.process_time()
        sampling = shared.sampling(case, in_pocket=self._in_pocket)
        verdict = judge_poses(
            shared.engine.models.config, case.ligand, docked, refined, physics, sampling, case.receptor
        )
        pos = docked.pos if case.receptor is not None else docked.pos - case.graph.origin
        if not np.isfinite(pos).all():
            raise NumericsError("coordinates that are not finite; try another seed or checkpoint")
        score, probability = verdict.score, self._probability(verdict, docked)
        order = rank_order(score, stereo_kept_each(case.ligand.mol, pos))
        return RankedPoses(
            pos[order],
            None if score is None else score[order],
            None if probability is None else probability[order],
            seconds + time.perf_counter() - begin,
            cpu + time.process_time() - cpu_begin,
        )

    def _probability(self, verdict: Verdict, docked: DockedPoses) -> np.ndarray | None:
        """P(RMSD < 2 Angstrom) of poses: by calibration or judge if there is one, else by the logit.

        The published confidence network ranks by the logit of a class, which is not a probability.
        """
        published = self._shared.engine.models.config.all_atom_confidence is not None
        if verdict.near is not None or docked.confidence is None or published or self._physics.minimize != "none":
            return verdict.near
        return expit(docked.confidence)
