"""What a page says of the other protonation states and configurations of its ligand that were docked."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from disco_dock.docking.runs.outputs import TABLE

SHOWN = 4  # other states that are named


def states_sentence(folder: Path, record: Mapping[str, Any]) -> str:
    """Which of a ligand's states this is, how many were docked, and which is the best; "" for the only one.

    Args:
        folder: of one complex; the table of the run lies above it.
        record: its run.json.
    """
    origin = record["inputs"]["ligand"].get("state_of")
    if not origin:
        return ""
    rows = [row for row in _rows(folder.parent / TABLE) if row.get("state_of") == origin]
    own = next((row for row in rows if row["name"] in (folder.name, record["name"])), None)
    if own is None or len(rows) == 1:
        return f"one of several states of {origin}; the others were docked too, and have pages of their own"
    rows = [row for row in rows if row["protein"] == own["protein"]]
    others = [row for row in rows if row is not own]
    if own.get("best_state") == "true":
        return f"the best of {len(rows)} docked states of {origin}, by Vina score; the others: {_named(others)}"
    best = [row for row in rows if row.get("best_state") == "true"]
    return f"one of {len(rows)} docked states of {origin}; the best, by Vina score: {_named(best)}"


def _rows(table: Path) -> list[dict[str, str]]:
    """The table of a run, or nothing where it is not there or another one."""
    if not table.is_file():
        return []
    with table.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = list(csv.DictReader(file))
    return rows if rows and {"name", "protein", "smiles", "state_of"} <= rows[0].keys() else []


def _named(rows: Sequence[Mapping[str, str]]) -> str:
    texts = []
    for row in rows[:SHOWN]:
        score = row.get("vina_score")
        what = f"{float(score):.1f} kcal/mol" if score else row.get("status", "")
        texts.append(f"{row['name']} ({row['smiles']}, {what})")
    more = [f"{len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    return ", ".join([*texts, *more]) or "none"
