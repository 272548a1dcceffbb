"""All numbers of an evaluation from its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from disco_dock.evaluation.calibration import calibration
from disco_dock.evaluation.rows import MeasuredComplex
from disco_dock.evaluation.strata import Manifest, strata
from disco_dock.evaluation.success import (
    THRESHOLDS,
    against_samples,
    are_samples,
    distances,
    hits,
    paired_difference,
    rate,
    selections,
    success,
    was_checked,
)

SMALL = 10  # complexes; the interval of a smaller group says little


def summarise(rows: Sequence[MeasuredComplex], *, manifest: Manifest | None = None) -> dict[str, Any]:
    """Everything reported of one method; failures count as misses.

    Args:
        rows: one per complex, at least one.
        manifest: clusters and training set, for the strata of seen and unseen proteins and ligands.
    """
    docked = [row for row in rows if row.rmsd]
    return {
        "complexes": len(rows),
        "failures": sum(bool(row.error) for row in rows),
        "poses": max((len(row.rmsd) for row in rows), default=0),
        "rmsd_upper_bounds": sum(not row.exact for row in docked),
        "rmsd_cross_checked": sum(row.agreed is not None for row in docked),
        "rmsd_disagreements": sum(row.agreed is False for row in docked),
        "mean_seconds": _mean([row.seconds for row in docked]),
        "mean_cpu_seconds": _mean([row.cpu_seconds for row in docked]),
        "success": success(rows),
        "distances": distances(rows),
        "failed_checks_top1": _counts(rows),
        "calibration": calibration(rows),
        "against_samples": {
            f"under_{limit:g}": {
                name: [round(100 * float(value), 1) for value in values]
                for name, values in against_samples(rows, limit).items()
            }
            for limit in THRESHOLDS
        }
        if are_samples(rows)
        else None,
        "strata": {
            kind: {label: _stratum(group) for label, group in groups.items()}
            for kind, groups in strata(rows, manifest).items()
        },
    }


def compare(first: Sequence[MeasuredComplex], second: Sequence[MeasuredComplex]) -> dict[str, Any]:
    """Percentage points by which the first method leads, with 95 % intervals over complexes, which are the same."""
    out: dict[str, Any] = {}
    both = list(zip(selections(first).items(), selections(second).values(), strict=True))
    for (name, count), other in both:
        for limit in THRESHOLDS:
            out[f"{name}_under_{limit:g}"] = paired_difference(hits(first, count, limit), hits(second, other, limit))
    for (name, count), other in both:
        if was_checked(first, count) and was_checked(second, other):
            pair = (hits(rows, many, THRESHOLDS[0], valid=True) for rows, many in ((first, count), (second, other)))
            out[f"{name}_under_{THRESHOLDS[0]:g}_and_valid"] = paired_difference(*pair)
    return out


def _stratum(rows: Sequence[MeasuredComplex]) -> dict[str, Any]:
    out: dict[str, Any] = {"complexes": len(rows), "few": len(rows) < SMALL}
    for limit in THRESHOLDS:
        out[f"top1_under_{limit:g}"] = rate(hits(rows, 1, limit))
    if was_checked(rows, 1):
        out[f"top1_under_{THRESHOLDS[0]:g}_and_valid"] = rate(hits(rows, 1, THRESHOLDS[0], valid=True))
    out[f"best_under_{THRESHOLDS[0]:g}"] = rate(hits(rows, selections(rows)["best"], THRESHOLDS[0]))
    return out


def _counts(rows: Sequence[MeasuredComplex]) -> dict[str, int]:
    """How many first-ranked poses fail each test of PoseBusters, most frequent first."""
    counts: Mapping[str, int] = {}
    for row in rows:
        counts = {**counts, **{name: counts.get(name, 0) + 1 for name in row.failed_checks}}
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 2) if values else None
