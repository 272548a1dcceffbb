"""The checkpoint's judge of minimised poses, fitted to training complexes and measured on held-out ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from disco_dock.evaluation.fit.pose_rows import PoseRow
from disco_dock.ranking.evidence import evidence
from disco_dock.ranking.judge import HowMade, PoseJudge, ThresholdWeights
from disco_dock.ranking.reliability import Reliability, measure_reliability
from disco_dock.runtime.errors import ConfigError

THRESHOLDS = (2.0, 5.0)  # Angstrom; the first ranks
RIDGE = 1e-3  # penalty on weights of standardised evidence, which bounds them when the poses are separable
FIRST_SHARE = 0.3
"""Share of a complex's weight in the fit that its first-ranked pose has, the others being mostly easy."""
ROUNDS = 2
"""Fits one after another: first are the poses of lowest energy, then those that the fit before puts first. With one
round the first-ranked poses' probabilities are too high (mean 0.51 where 0.44 are right; Brier score 0.170, now 0.158,
cross-validated on 110 complexes)."""
FEWEST = 50  # fewest complexes with poses for a fit
FOLDS = 5


JudgeOf = PoseJudge | Mapping[str, PoseJudge]
"""A judge, or for each complex by id the one that was fitted to others."""


def judge_for(judges: JudgeOf | None, row: PoseRow) -> PoseJudge | None:
    """The judge that was not fitted to a complex."""
    return judges.get(row.id) if isinstance(judges, Mapping) else judges


def fit_judge(
    rows: Sequence[PoseRow],
    names: tuple[str, ...],
    made: HowMade,
    *,
    held_out: Collection[str] = (),
    thresholds: Sequence[float] = THRESHOLDS,
) -> PoseJudge:
    """The judge by logistic regression of RMSD < threshold on the evidence; every complex counts the same.

    Within a complex the pose that ranks first has `FIRST_SHARE` of the weight and all poses share the rest evenly.

    Args:
        rows: of training complexes only; those without poses are left out.
        names: of the evidence.
        made: how the poses were made.
        held_out: ids that results are reported on.
        thresholds: Angstrom.

    Raises:
        ConfigError: a row is of a held-out complex, there are too few complexes, or all poses are on one side.
    """
    check_training([row.id for row in rows], held_out)
    docked = sorted((row for row in rows if row.rmsd), key=lambda row: row.id)  # rows in any order give the same bits
    if len(docked) < FEWEST:
        raise ConfigError(f"{len(docked)} complexes have poses and the fit needs {FEWEST} at least; give more of them")
    return PoseJudge(
        evidence=names,
        thresholds=tuple(_fit(docked, names, threshold) for threshold in thresholds),
        made=made,
        complexes=len(docked),
        poses=sum(len(row.rmsd) for row in docked),
    )


def check_training(ids: Sequence[str], held_out: Collection[str]) -> None:
    """Check that no training complex is held out.

    Raises:
        ConfigError: some are.
    """
    leaked = sorted(set(ids) & set(held_out))
    if leaked:
        raise ConfigError(
            f"{len(leaked)} complexes to fit on are held out for measuring ({', '.join(leaked[:3])}); take them out of "
            "the training ids"
        )


def cross_fitted(
    rows: Sequence[PoseRow], names: tuple[str, ...], made: HowMade, *, thresholds: Sequence[float] = THRESHOLDS
) -> dict[str, PoseJudge]:
    """By id, the judge that is fitted to the other folds of complexes; arguments as of `fit_judge`."""
    docked = sorted((row for row in rows if row.rmsd), key=lambda row: row.id)
    found = {}
    for fold in range(FOLDS):
        others = [row for number, row in enumerate(docked) if number % FOLDS != fold]
        judge = fit_judge(others, names, made, thresholds=thresholds)
        found |= {row.id: judge for row in docked[fold::FOLDS]}
    return found


def cross_validated(rows: Sequence[PoseRow], names: tuple[str, ...], threshold: float = 2.0) -> list[np.ndarray]:
    """Logits (poses,) of each complex by the fit to the other folds of complexes; for choosing evidence."""
    logits = [np.zeros(0)] * len(rows)
    for fold in range(FOLDS):
        fit = _fit([row for number, row in enumerate(rows) if number % FOLDS != fold], names, threshold)
        for number in range(fold, len(rows), FOLDS):
            logits[number] = fit.intercept + evidence(rows[number].facts, names) @ np.array(fit.weights)
    return logits


def log_loss(rows: Sequence[PoseRow], logits: Sequence[np.ndarray], threshold: float = 2.0) -> float:
    """Mean over complexes of the mean cross entropy (nat) of their poses."""
    pairs = zip(rows, logits, strict=True)
    return float(np.mean([_cross(logit, np.array(row.rmsd) < threshold).mean() for row, logit in pairs]))


def judge_reliability(judge: JudgeOf, rows: Sequence[PoseRow], rank_by: str) -> tuple[Reliability, ...]:
    """Reliability of the judge's probabilities on complexes that it was not fitted on, of all and of first poses.

    Args:
        judge: to measure, or one for each complex.
        rows: of held-out complexes; those without poses are left out.
        rank_by: what chooses the first-ranked poses: one of `physics_settings.RANKINGS`.
    """
    docked = [row for row in rows if row.rmsd]
    judges = [own for row in docked if (own := judge_for(judge, row)) is not None]
    found = []
    for fit in judges[0].thresholds if judges else ():
        near = [np.array(row.rmsd) < fit.threshold for row in docked]
        probability = [own.probability(row.facts, fit.threshold) for own, row in zip(judges, docked, strict=True)]
        known = [one for one in probability if one is not None]
        first = [row.order(ranking_scores(row, judge)[rank_by])[:1] for row in docked]
        found += [
            measure_reliability(known, near, threshold=fit.threshold),
            measure_reliability(
                [one[k] for one, k in zip(known, first, strict=True)],
                [one[k] for one, k in zip(near, first, strict=True)],
                threshold=fit.threshold,
                which="first",
            ),
        ]
    return tuple(found)


def ranking_scores(row: PoseRow, judges: JudgeOf | None) -> dict[str, np.ndarray]:
    """(poses,) scores by each ranking that is known, higher is better."""
    judge = judge_for(judges, row)
    facts = row.facts
    scores = {"vina": -facts.energy}
    if facts.confidence is not None:
        scores["confidence"] = facts.confidence
    if facts.contacts is not None:
        scores["contacts"] = facts.contacts
    if judge is not None:
        scores["consensus"] = judge.logit(facts)
    return scores


def _fit(rows: Sequence[PoseRow], names: tuple[str, ...], threshold: float) -> ThresholdWeights:
    features = [evidence(row.facts, names) for row in rows]
    ranks = [-np.array(row.energy) for row in rows]
    for _ in range(ROUNDS - 1):
        fit = _fit_once(rows, features, ranks, threshold)
        ranks = [fit.intercept + part @ np.array(fit.weights) for part in features]
    return _fit_once(rows, features, ranks, threshold)


def _fit_once(
    rows: Sequence[PoseRow], parts: Sequence[np.ndarray], ranks: Sequence[np.ndarray], threshold: float
) -> ThresholdWeights:
    """The fit with more weight on the pose of each complex that `ranks`, higher is better, puts first."""
    features = np.concatenate(parts)
    near = np.concatenate([np.array(row.rmsd) < threshold for row in rows])
    weight = np.concatenate([_pose_weights(score) for score in ranks]) / len(rows)
    if near.all() or not near.any():
        raise ConfigError(
            f"{near.sum()} of {len(near)} poses are within {threshold:g} Angstrom; the fit needs some of either side"
        )
    mean, scale = features.mean(0), features.std(0) + 1e-9
    standard = (features - mean) / scale

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        logit = parameters[0] + standard @ parameters[1:]
        slope = weight * (expit(logit) - near)
        value = (weight * _cross(logit, near)).sum() + RIDGE * (parameters[1:] ** 2).sum()
        return float(value), np.concatenate([[slope.sum()], standard.T @ slope + 2 * RIDGE * parameters[1:]])

    intercept, *slopes = minimize(loss, np.zeros(1 + features.shape[1]), jac=True, method="L-BFGS-B").x
    weights = np.array(slopes) / scale
    return ThresholdWeights(
        threshold=threshold, intercept=float(intercept - weights @ mean), weights=tuple(map(float, weights))
    )


def _pose_weights(score: np.ndarray) -> np.ndarray:
    """(poses,) weights of the poses of a complex, which sum to one."""
    weight = np.full(len(score), (1 - FIRST_SHARE) / len(score))
    weight[score.argmax()] += FIRST_SHARE
    return weight


def _cross(logit: np.ndarray, near: np.ndarray) -> np.ndarray:
    return np.logaddexp(0.0, logit) - near * logit
