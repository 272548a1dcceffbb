"""Weights of the consensus ranking, fitted to docked and refined poses of training complexes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from disco_dock.chem.symmetry import symmetric_rmsd
from disco_dock.evaluation.cases import Cases
from disco_dock.models.consensus import Consensus, PoseEvidence
from disco_dock.models.physics_settings import PhysicsSettings
from disco_dock.physics.vina_scorer import VinaField
from disco_dock.pipeline.engine import Engine, dock_fitting
from disco_dock.pipeline.physics import evidence, refine
from disco_dock.pipeline.predict import after_physics
from disco_dock.runtime.errors import ConfigError, DiscoError
from disco_dock.sampling.docking import DockingSettings

NEAR = 2.0  # Angstrom
RIDGE = 1e-3  # on weights of standardised evidence, so that evidence that separates the poses does not run away


class JudgedPoses(NamedTuple):
    """Poses of one complex: what speaks for them, and (poses,) their RMSD in Angstrom."""

    evidence: PoseEvidence
    rmsd: np.ndarray


def judged_poses(
    engine: Engine,
    cases: Cases,
    settings: DockingSettings,
    physics: PhysicsSettings,
    *,
    on_case: Callable[[str, str], None] | None = None,
) -> list[JudgedPoses]:
    """Docked and refined poses of the complexes that can be docked.

    Args:
        engine: networks with a confidence model.
        cases: training complexes, from their files.
        settings: how to sample.
        physics: how to refine.
        on_case: called with each name and what went wrong, or "".
    """
    found = []
    for name in cases.ids:
        problem = ""
        try:
            found.append(_judged(engine, cases, name, settings, physics))
        except DiscoError as error:
            problem = str(error)
        if on_case is not None:
            on_case(name, problem)
    return found


def _judged(
    engine: Engine, cases: Cases, name: str, settings: DockingSettings, physics: PhysicsSettings
) -> JudgedPoses:
    case = cases.load(name)
    if case.receptor is None:
        raise ConfigError(f"{name}: shards hold no receptor atoms, which physics needs; give the files")
    docked, _ = dock_fitting(engine, case.graph, settings, name=name, on_progress=None)
    field, options = VinaField(case.receptor), {"seed": settings.seed, "stream": name}
    refined = refine(case.receptor, field, case.ligand, docked.pos, physics, **options)
    docked = after_physics(engine, case.graph, docked, refined)
    if docked.confidence is None:
        raise ConfigError("this checkpoint has no confidence model, which the consensus needs; train one first")
    rmsd = symmetric_rmsd(case.ligand.mol, docked.pos, case.crystal)
    return JudgedPoses(evidence(refined, docked.confidence, case.ligand), rmsd)


def fit_consensus(judged: Sequence[JudgedPoses], physics: PhysicsSettings) -> Consensus:
    """Weights by logistic regression of RMSD < 2 Angstrom on the evidence; every complex counts the same.

    Args:
        judged: poses of training complexes only.
        physics: how they were refined.

    Raises:
        ConfigError: no pose, or no pose on one side of 2 Angstrom.
    """
    if not judged:
        raise ConfigError("no complex could be docked, so there is nothing to fit; check the data")
    features = np.concatenate([np.stack(one.evidence, 1) for one in judged])
    near = np.concatenate([one.rmsd < NEAR for one in judged])
    weight = np.concatenate([np.full(len(one.rmsd), 1 / len(one.rmsd)) for one in judged]) / len(judged)
    if near.all() or not near.any():
        raise ConfigError(f"{near.sum()} of {len(near)} poses are within 2 Angstrom; the fit needs some of either side")
    mean, scale = features.mean(0), features.std(0) + 1e-9
    standard = (features - mean) / scale

    def loss(parameters: np.ndarray) -> float:
        value = parameters[0] + standard @ parameters[1:]
        cross = np.logaddexp(0.0, value) - near * value
        return float((weight * cross).sum() + RIDGE * (parameters[1:] ** 2).sum())

    intercept, *slopes = minimize(loss, np.zeros(4), method="L-BFGS-B").x
    slopes = np.array(slopes) / scale
    return Consensus(
        intercept=float(intercept - slopes @ mean),
        confidence=float(slopes[0]),
        vina_per_atom=float(slopes[1]),
        cluster_share=float(slopes[2]),
        minimize=physics.minimize,
        moves=physics.moves if physics.minimize == "vina" else 0,
        complexes=len(judged),
        poses=len(near),
    )
