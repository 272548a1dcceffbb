"""The page of a screen from its store, for `disco-dock results --report`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from disco_dock.interactions.fingerprint import asked_in_words
from disco_dock.report.screen_page import ScreenFacts, write_screen_page
from disco_dock.screening.ledger.query import Query, Results
from disco_dock.screening.ledger.status import store_status
from disco_dock.screening.ledger.store import Counts

GROUPED = 5000
"""Best ligands that are grouped by scaffold; each takes some 0.3 ms."""


def write_results_page(results: Results, query: Query, path: Path, *, best: int) -> ScreenFacts:
    """Write the page of the ligands that a query asks for; returns what it says.

    Args:
        results: an open store.
        query: which ligands, ranked by what.
        path: of the page.
        best: ligands that are drawn.

    Raises:
        ConfigError: the condition is not valid SQL.
        OSError: the file cannot be written.
    """
    column = query.sort or results.usual_sort()
    values, near, drawn, grouped = [], [], [], []
    for row in results.rows(replace(query, top=None)):
        values.append(np.nan if not isinstance(row[column], (int, float)) else float(row[column]))
        near.append(np.nan if row["p_rmsd_under_2"] is None else row["p_rmsd_under_2"])
        if len(drawn) < best:
            drawn.append(row)
        if len(grouped) < GROUPED and row["smiles"]:
            grouped.append((row["smiles"], row["name"], None if np.isnan(values[-1]) else values[-1]))
    status = store_status(results.path)
    libraries = ", ".join(library.name for library in status.libraries)
    asked = _asked(query)
    facts = ScreenFacts(
        title=results.path.stem,
        sentence=f"{len(values)} ligands of {libraries or 'no library'}{asked}, in {results.path.name}",
        counts=_counts(status.counts),
        failures=dict(sorted(status.counts.failures.items())),
        column=column,
        values=np.array(values, dtype=float),
        probabilities=np.array(near, dtype=float),
        best=drawn,
        scaffolds=grouped,
    )
    write_screen_page(path, facts)
    return facts


def _counts(counts: Counts) -> dict[str, int]:
    """Rows by status; those without the interactions that the screen asked for stand beside the docked ones."""
    unmet = {"of them without the interactions that were asked for": counts.unmet} if counts.unmet else {}
    found = {name: counts.of(name) for name in ("docked", "failed", "duplicate", "pending")}
    return {"docked": found.pop("docked"), **unmet, **found}


def _asked(query: Query) -> str:
    """The filters of a query in words."""
    parts = list(filter(None, [asked_in_words(query.require, query.exclude)]))
    if query.min_score is not None:
        parts.append(f"at least as good as {query.min_score:g}")
    if query.where:
        parts.append(f"where {query.where}")
    return f" ({', '.join(parts)})" if parts else ""
