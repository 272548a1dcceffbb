"""The same poses ranked by confidence, Vina energy, contact score, the judge, chance and an oracle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from disco_dock.evaluation.fit.judge import JudgeOf, ranking_scores
from disco_dock.evaluation.fit.pose_rows import PoseRow
from disco_dock.evaluation.rows import MeasuredComplex
from disco_dock.evaluation.success import THRESHOLDS, TOP, hits, paired_difference, rate
from disco_dock.physics.settings import RANKINGS

ORACLE = "oracle"
MEASURES = tuple(
    (f"{name}_under_{limit:g}", count, limit)
    for name, count in (("top1", 1), (f"top{TOP}", TOP))
    for limit in THRESHOLDS
)


def ablation(rows: Sequence[PoseRow], judge: JudgeOf | None) -> dict[str, Any]:
    """Success rates by ranking with 95 % intervals, and by how many points the rankings lead that by Vina energy.

    Args:
        rows: of held-out complexes; one without poses is a miss in every ranking.
        judge: fitted on others, one for each complex or one for all, or None.
    """
    ranked = {
        name: [_ranked(row, name, judge) for row in rows]
        for name in (*(one for one in RANKINGS if _known(rows, one, judge)), ORACLE)
    }
    return {
        "complexes": len(rows),
        "failures": sum(not row.rmsd for row in rows),
        "chance": {f"top1_under_{limit:g}": _chance(rows, limit) for limit in THRESHOLDS},
        "rankings": {
            name: {measure: rate(hits(found, count, limit)) for measure, count, limit in MEASURES}
            for name, found in ranked.items()
        },
        "lead_over_vina": {
            name: {
                measure: paired_difference(hits(found, count, limit), hits(ranked["vina"], count, limit))
                for measure, count, limit in MEASURES
            }
            for name, found in ranked.items()
            if name != "vina"
        },
    }


def ablation_table(found: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Column names and rows of text of an ablation."""
    columns = ["ranked by", *(name.replace("_under_", " < ") + " Å" for name, _, _ in MEASURES)]
    chance = [f"{found['chance'][name]:.1f} %" if name in found["chance"] else "" for name, _, _ in MEASURES]
    lines = [["chance", *chance]]
    for name, rates in found["rankings"].items():
        cells = [rates[measure] for measure, _, _ in MEASURES]
        lines.append([name, *(f"{one['percent']:.1f} % [{one['interval'][0]}, {one['interval'][1]}]" for one in cells)])
    return columns, lines


def _chance(rows: Sequence[PoseRow], limit: float) -> float:
    """Percentage of complexes whose pose is within the limit when it is drawn at random."""
    shares = [float((np.array(row.rmsd) < limit).mean()) if row.rmsd else 0.0 for row in rows]
    return round(100 * float(np.mean(shares)), 1)


def _known(rows: Sequence[PoseRow], name: str, judge: JudgeOf | None) -> bool:
    return all(name in ranking_scores(row, judge) for row in rows if row.rmsd)


def _ranked(row: PoseRow, name: str, judge: JudgeOf | None) -> MeasuredComplex:
    """The RMSDs of a complex as a ranking orders them."""
    if not row.rmsd:
        return MeasuredComplex(id=row.id, error=row.error)
    rmsd = np.array(row.rmsd)
    order = np.argsort(rmsd) if name == ORACLE else row.order(ranking_scores(row, judge)[name])
    return replace(MeasuredComplex(id=row.id), rmsd=tuple(map(float, rmsd[order])))
