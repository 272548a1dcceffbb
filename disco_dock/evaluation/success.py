"""Success rates over complexes with bootstrap intervals; a complex without poses is a miss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import gammaln

from disco_dock.evaluation.rows import MeasuredComplex

THRESHOLDS = (2.0, 5.0)  # Angstrom
TOP = 5
RESAMPLES = 2000
PERCENTILES = (25, 50, 75)


def selections(rows: Sequence[MeasuredComplex]) -> dict[str, int]:
    """Selections of poses by name, and how many best-ranked ones each takes: the first, five, all."""
    return {"top1": 1, f"top{TOP}": TOP, "best": max((len(row.rmsd) for row in rows), default=0)}


def lowest(values: Sequence[float], count: int) -> float:
    """Minimum of the first values; infinity for none."""
    return min(values[:count], default=np.inf)


def hits(rows: Sequence[MeasuredComplex], count: int, limit: float, *, valid: bool = False) -> np.ndarray:
    """(complexes,) bool: whether one of the first poses is within the limit, and valid as well when asked."""
    if not valid:
        return np.array([lowest(row.rmsd, count) < limit for row in rows], dtype=bool)
    return np.array(
        [any(rmsd < limit and good for rmsd, good in zip(row.rmsd[:count], row.valid, strict=False)) for row in rows],
        dtype=bool,
    )


def interval(hit: np.ndarray, *, seed: int = 0) -> list[float]:
    """95 % bootstrap interval over complexes of the percentage of hits."""
    draws = np.random.default_rng(seed).integers(0, len(hit), (RESAMPLES, len(hit)))
    return [round(float(value), 1) for value in np.percentile(100 * hit[draws].mean(1), [2.5, 97.5])]


def rate(hit: np.ndarray, *, seed: int = 0) -> dict[str, Any]:
    """Percentage of hits with its interval."""
    return {"percent": round(100 * float(hit.mean()), 1), "interval": interval(hit, seed=seed)}


def success(rows: Sequence[MeasuredComplex], *, seed: int = 0) -> dict[str, Any]:
    """Rates by selection and threshold, of RMSD alone, and of RMSD and validity where all rows were checked."""
    out: dict[str, Any] = {}
    for name, count in selections(rows).items():
        out[name] = {f"under_{limit:g}": rate(hits(rows, count, limit), seed=seed) for limit in THRESHOLDS}
        if was_checked(rows, count):
            valid = np.array([any(row.valid[:count]) for row in rows], dtype=bool)
            out[name]["valid"] = rate(valid, seed=seed)
            for limit in THRESHOLDS:
                out[name][f"under_{limit:g}_and_valid"] = rate(hits(rows, count, limit, valid=True), seed=seed)
    return out


def was_checked(rows: Sequence[MeasuredComplex], count: int) -> bool:
    """Whether the first poses of every complex that has poses were tested by PoseBusters."""
    docked = [row for row in rows if row.rmsd]
    return bool(docked) and all(len(row.valid) >= min(count, len(row.rmsd)) for row in docked)


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """Quartiles; None where a quartile is a failure, which counts as infinite."""
    found = np.percentile(np.asarray(values, dtype=float), PERCENTILES, method="higher")
    return {
        str(name): round(float(value), 2) if np.isfinite(value) else None
        for name, value in zip(PERCENTILES, found, strict=True)
    }


def distances(rows: Sequence[MeasuredComplex]) -> dict[str, Any]:
    """Quartiles of RMSD and centroid distance of the first and the best pose, and centroid rates."""
    first = [lowest(row.centroid, 1) for row in rows]
    out: dict[str, Any] = {
        "rmsd_top1": percentiles([lowest(row.rmsd, 1) for row in rows]),
        "rmsd_best": percentiles([lowest(row.rmsd, len(row.rmsd)) for row in rows]),
        "centroid_top1": percentiles(first),
    }
    for limit in THRESHOLDS:
        out[f"centroid_top1_under_{limit:g}"] = rate(np.array(first) < limit)
    return out


def against_samples(rows: Sequence[MeasuredComplex], limit: float) -> dict[str, np.ndarray]:
    """Expected success with N of the poses drawn at random, N = 1 .. poses, exactly and without drawing.

    `first` takes the best-ranked of the N, `best` counts a success of any. With n poses of which k succeed, the best of
    N fails with C(n-k, N) / C(n, N), and the r-th ranked is the best-ranked of N with C(n-r, N-1) / C(n, N). Complexes
    with fewer poses than N keep all they have.
    """
    most = selections(rows)["best"]
    first, best = np.zeros((2, len(rows), most))
    for number, row in enumerate(rows):
        total = len(row.rmsd)
        hit = np.array(row.rmsd) < limit
        for drawn in range(1, min(total, most) + 1):
            best[number, drawn - 1] = 1 - _choose_ratio(total - int(hit.sum()), drawn, total, drawn)
            ranks = np.flatnonzero(hit) + 1
            first[number, drawn - 1] = sum(_choose_ratio(total - rank, drawn - 1, total, drawn) for rank in ranks)
        if total:
            first[number, total:], best[number, total:] = first[number, total - 1], best[number, total - 1]
    return {"first": first.mean(0), "best": best.mean(0)}


def are_samples(rows: Sequence[MeasuredComplex]) -> bool:
    """Whether poses are independent draws, as of the networks, and not a list of minima with energies, as Vina's."""
    return any(row.probability for row in rows) or not any(row.score for row in rows)


def by_rank(rows: Sequence[MeasuredComplex], limit: float) -> np.ndarray:
    """Success of the best of the N first-ranked poses, N = 1 .. poses."""
    return np.array([hits(rows, count, limit).mean() for count in range(1, selections(rows)["best"] + 1)])


def _choose_ratio(top: int, chosen: int, whole: int, drawn: int) -> float:
    """C(top, chosen) / C(whole, drawn), zero where there is no way."""
    if chosen > top:
        return 0.0
    return float(np.exp(_log_choose(top, chosen) - _log_choose(whole, drawn)))


def _log_choose(whole: int, chosen: int) -> float:
    return float(gammaln(whole + 1) - gammaln(chosen + 1) - gammaln(whole - chosen + 1))


def paired_difference(first: np.ndarray, second: np.ndarray, *, seed: int = 0) -> dict[str, Any]:
    """Percentage points by which the first of two methods leads on the same complexes, with its interval."""
    gap = 100 * (first.astype(float) - second.astype(float))
    draws = np.random.default_rng(seed).integers(0, len(gap), (RESAMPLES, len(gap)))
    low, high = np.percentile(gap[draws].mean(1), [2.5, 97.5])
    return {"points": round(float(gap.mean()), 1), "interval": [round(float(low), 1), round(float(high), 1)]}
