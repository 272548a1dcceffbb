"""Success rates over complexes; a complex that failed counts as a miss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from disco_dock.evaluation.redock import Row

THRESHOLDS = (2.0, 5.0)  # Angstrom
RESAMPLES = 2000


def summarise(rows: Sequence[Row], *, seed: int = 0) -> dict[str, Any]:
    """Counts, percentages under 2 and 5 Angstrom with bootstrap 95 % intervals, and median RMSDs.

    Keys end in `top1` (first-ranked pose) and `best` (best of all poses). Medians count failures as infinite.

    Args:
        rows: one per complex.
        seed: of the bootstrap.
    """
    top = np.array([row.rmsd[0] if row.rmsd else np.inf for row in rows])
    best = np.array([min(row.rmsd) if row.rmsd else np.inf for row in rows])
    centroid = np.array([row.centroid[0] if row.centroid else np.inf for row in rows])
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(rows), (RESAMPLES, len(rows)))
    out: dict[str, Any] = {
        "complexes": len(rows),
        "failures": sum(bool(row.error) for row in rows),
        "upper_bounds": sum(not row.exact for row in rows),
        "poses": max((len(row.rmsd) for row in rows), default=0),
        "median_seconds": float(np.median([row.seconds for row in rows])),
    }
    for name, values in (("top1", top), ("best", best)):
        out[f"median_rmsd_{name}"] = float(np.median(values))
        for limit in THRESHOLDS:
            hit = values < limit
            low, high = np.percentile(hit[draws].mean(1), [2.5, 97.5])
            out[f"under_{limit:g}_{name}"] = _percent(hit.mean())
            out[f"under_{limit:g}_{name}_interval"] = [_percent(low), _percent(high)]
    out["centroid_under_5_top1"] = _percent((centroid < THRESHOLDS[-1]).mean())
    return out


def _percent(share: float) -> float:
    return round(100 * float(share), 1)
