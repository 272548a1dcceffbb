"""The page of a screen: how the scores are distributed, the best ligands as drawings, and their scaffolds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from rdkit import Chem
from rdkit.Chem.Scaffolds import MurckoScaffold

from disco_dock.interactions.fingerprint import key_residues
from disco_dock.report.depiction import depict
from disco_dock.report.diagram import COLORS
from disco_dock.report.rendering import asset, render
from disco_dock.runtime.files import atomic_write

BINS = 30
SHOWN_SCAFFOLDS, SHOWN_RESIDUES = 12, 10
WIDTH, HEIGHT = 640, 190  # of a histogram
LABELS = {
    "vina_score": "Vina score, kcal/mol",
    "p_rmsd_under_2": "P(RMSD < 2 Å)",
    "ligand_efficiency": "ligand efficiency, kcal/mol per heavy atom",
    "contact_score": "contact score",
    "confidence": "confidence",
}


@dataclass(frozen=True, kw_only=True)
class ScreenFacts:
    """What a page says of a screen.

    Attributes:
        title: of the page.
        sentence: what was screened into what, and what was asked for.
        counts: rows by status.
        failures: how many failed for each reason.
        column: that ligands are ranked by.
        values: (docked,) numbers in that column of all ligands that were asked for; those without one are left out.
        probabilities: (docked,) of the best pose being within 2 Å, likewise.
        best: rows of the best ligands with the columns of `results`, best first.
        scaffolds: (SMILES, name, number) of ligands that are grouped by scaffold, best first.
    """

    title: str
    sentence: str
    counts: Mapping[str, int]
    failures: Mapping[str, int]
    column: str
    values: np.ndarray
    probabilities: np.ndarray
    best: Sequence[Mapping[str, Any]]
    scaffolds: Sequence[tuple[str, str, float | None]]


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Bars (x, y, width, height, what it says) in a drawing of `WIDTH` times `HEIGHT`, and the numbers below it."""

    label: str
    bars: Sequence[tuple[float, float, float, float, str]]
    low: str
    middle: str
    high: str


@dataclass(frozen=True, kw_only=True)
class Scaffold:
    """A scaffold: its drawing and SMILES, how many ligands have it, and the best of them with its number."""

    drawing: Markup
    smiles: str
    count: int
    name: str
    number: float | None


def write_screen_page(path: Path, facts: ScreenFacts) -> None:
    """Write the page, complete or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    text = screen_page(facts)
    with atomic_write(path) as file:
        file.write(text.encode("utf-8"))


def screen_page(facts: ScreenFacts) -> str:
    """The page as text; it opens offline."""
    held = Counter(
        name for row in facts.best for name in key_residues((row["interactions"] or "").split(), SHOWN_RESIDUES)
    )
    drawn = [dict(row, drawing=drawing(row["state"] or row["smiles"] or "")) for row in facts.best]
    histograms = [histogram(facts.values, LABELS.get(facts.column, facts.column.replace("_", " ")))]
    if facts.column != "p_rmsd_under_2":
        histograms.append(histogram(facts.probabilities, LABELS["p_rmsd_under_2"]))
    return render(
        "screen.html",
        facts=facts,
        css=asset("report.css"),
        own_css=asset("screen.css"),
        script=asset("theme.js"),
        histograms=[one for one in histograms if one is not None],
        size=(WIDTH, HEIGHT),
        best=drawn,
        label=LABELS.get(facts.column, facts.column.replace("_", " ")),
        residues=held.most_common(SHOWN_RESIDUES),
        scaffolds=scaffold_groups(facts.scaffolds),
        grouped=len(facts.scaffolds),
    )


def histogram(values: np.ndarray, label: str) -> Histogram | None:
    """The distribution of some numbers, or None without any."""
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = float(values.min()), float(values.max())
    counts, edges = np.histogram(values, bins=BINS if high > low else 1)
    width = WIDTH / len(counts)
    heights = HEIGHT * counts / counts.max()
    bars = [
        (
            round(index * width, 1),
            round(HEIGHT - height, 1),
            round(width - 1, 1),
            round(float(height), 1),
            f"{start:.2f} to {end:.2f}: {count} ligand{'' if count == 1 else 's'}",
        )
        for index, (count, height, start, end) in enumerate(zip(counts, heights, edges[:-1], edges[1:], strict=True))
    ]
    return Histogram(
        label=label, bars=bars, low=f"{low:.2f}", middle=f"median {np.median(values):.2f}", high=f"{high:.2f}"
    )


def drawing(smiles: str) -> Markup:
    """SVG of a molecule in the colours of the page, light or dark; empty for one that cannot be read."""
    mol = Chem.MolFromSmiles(smiles)
    if mol is None or not mol.GetNumAtoms():
        return Markup("")
    text = depict(mol, numbers=False)
    for before, after in COLORS.items():
        text = text.replace(before, after)
    return Markup(text)  # noqa: S704 - RDKit's own drawing of a molecule, which holds no text of the file


def scaffold_groups(ligands: Sequence[tuple[str, str, float | None]]) -> list[Scaffold]:
    """The Bemis-Murcko scaffolds that most ligands have, most frequent first; ligands without a ring have none."""
    groups: defaultdict[str, list[tuple[str, float | None]]] = defaultdict(list)
    for smiles, name, number in ligands:
        mol = Chem.MolFromSmiles(smiles)
        if mol is not None:
            groups[MurckoScaffold.MurckoScaffoldSmiles(mol=mol)].append((name, number))
    groups.pop("", None)
    ranked = sorted(groups.items(), key=lambda group: -len(group[1]))[:SHOWN_SCAFFOLDS]  # of equal ones the best first
    return [
        Scaffold(drawing=drawing(smiles), smiles=smiles, count=len(own), name=own[0][0], number=own[0][1])
        for smiles, own in ranked
    ]
