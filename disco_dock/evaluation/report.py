"""Results of an evaluation: summary.json, complexes.csv, and the methods side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from disco_dock.evaluation.rows import MeasuredComplex
from disco_dock.evaluation.strata import Manifest
from disco_dock.evaluation.success import THRESHOLDS, TOP
from disco_dock.evaluation.summary import compare, summarise
from disco_dock.runtime.tables import csv_text, write_json, write_text

SUMMARY_FILE, TABLE_FILE = "summary.json", "complexes.csv"
SEQUENCES = ("rmsd", "centroid", "score", "probability", "valid", "failed_checks", "notes")
COLUMNS = (
    "method",
    *(field.name for field in fields(MeasuredComplex) if field.name not in SEQUENCES),
    *(f"rmsd_{name}" for name in ("top1", f"top{TOP}", "best")),
    *("centroid_top1", "score_top1", "probability_top1", "valid_top1", "failed_checks", "notes", "rmsd"),
)


def write_report(
    out: Path,
    methods: Mapping[str, Sequence[MeasuredComplex]],
    pairs: Sequence[tuple[str, str]],
    *,
    manifest: Manifest | None,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Write `summary.json` and `complexes.csv`; returns the summary.

    Args:
        out: folder.
        methods: rows by name, on the same complexes.
        pairs: which method's lead over which other one is given.
        manifest: clusters and training set, or None.
        facts: checkpoint, settings, budget: goes to the top of the summary.
    """
    summary: dict[str, Any] = {
        **facts,
        "methods": {name: summarise(rows, manifest=manifest) for name, rows in methods.items()},
        "lead_in_percentage_points": {
            f"{first} over {second}": compare(methods[first], methods[second]) for first, second in pairs
        },
    }
    write_json(out / SUMMARY_FILE, summary)
    lines = [_line(name, row) for name, rows in methods.items() for row in rows]
    write_text(out / TABLE_FILE, csv_text(COLUMNS, lines))
    return summary


def _line(method: str, row: MeasuredComplex) -> dict[str, Any]:
    values = {name: value for name, value in asdict(row).items() if name not in SEQUENCES}
    for name, count in (("top1", 1), (f"top{TOP}", TOP), ("best", len(row.rmsd))):
        values[f"rmsd_{name}"] = min(row.rmsd[:count], default=None)
    values["centroid_top1"] = row.centroid[0] if row.centroid else None
    values["score_top1"] = row.score[0] if row.score else None
    values["probability_top1"] = row.probability[0] if row.probability else None
    values["valid_top1"] = row.valid[0] if row.valid else None
    values["failed_checks"], values["notes"] = " ".join(row.failed_checks), "; ".join(row.notes)
    values["rmsd"] = json.dumps(row.rmsd) if row.rmsd else ""
    return {"method": method, **values}


def side_by_side(summary: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Column names and rows of text of the methods beside each other."""
    methods = summary["methods"]
    rows = [["complexes (failures)", *(f"{one['complexes']} ({one['failures']})" for one in methods.values())]]
    names = (("top1", "first-ranked"), (f"top{TOP}", f"best of first {TOP}"), ("best", "best of all"))
    for selection, label in names:
        for key, text in (
            *((f"under_{limit:g}", f"RMSD < {limit:g} Å") for limit in THRESHOLDS),
            ("valid", "PB-valid"),
            *((f"under_{limit:g}_and_valid", f"RMSD < {limit:g} Å and PB-valid") for limit in THRESHOLDS),
        ):
            cells = [rate_text(one["success"][selection].get(key)) for one in methods.values()]
            if any(cells):
                rows.append([f"{text}, {label}", *cells])
    for key, text in (("rmsd_top1", "RMSD 25/50/75 %, Å"), ("centroid_top1", "centroid 25/50/75 %, Å")):
        rows.append([f"{text}, first-ranked", *(_quartiles(one["distances"][key]) for one in methods.values())])
    rows.append(["CPU seconds per complex", *(str(one["mean_cpu_seconds"]) for one in methods.values())])
    return ["", *methods], rows


def leads(summary: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Column names and rows of text of the paired leads in percentage points, with their intervals."""
    found = summary["lead_in_percentage_points"]
    names = {
        "top1_under_2": "first < 2 Å",
        "top1_under_2_and_valid": "first < 2 Å, valid",
        f"top{TOP}_under_2": f"one of {TOP} < 2 Å",
        "best_under_2": "best < 2 Å",
        "top1_under_5": "first < 5 Å",
    }
    shown = {key: label for key, label in names.items() if any(key in one for one in found.values())}
    rows = [[pair, *(_lead(one.get(key)) for key in shown)] for pair, one in found.items()]
    return ["lead in points", *shown.values()], rows


def _lead(value: Mapping[str, Any] | None) -> str:
    if value is None:
        return ""
    low, high = value["interval"]
    return f"{value['points']:+.1f} [{low:.1f}, {high:.1f}]"


def rate_text(value: Mapping[str, Any] | None) -> str:
    """A share with its interval, both in percent; "" for none."""
    if value is None:
        return ""
    low, high = value["interval"]
    return f"{value['percent']:.1f} % [{low:.1f}, {high:.1f}]"


def _quartiles(values: Mapping[str, float | None]) -> str:
    return " / ".join("-" if value is None else f"{value:.1f}" for value in values.values())
