"""One PNG per figure: RMSD distribution, reliability of the confidence, success against the number of poses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from disco_dock.evaluation.calibration import calibration
from disco_dock.evaluation.rows import MeasuredComplex
from disco_dock.evaluation.success import THRESHOLDS, against_samples, are_samples, by_rank, lowest
from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.files import atomic_write

RMSD_CDF, RELIABILITY, AGAINST_SAMPLES = "rmsd_cdf.png", "reliability.png", "success_against_n.png"
MAX_RMSD = 15.0  # Angstrom shown
DOTS_PER_INCH = 150


def require_matplotlib() -> None:
    """Check that matplotlib is there.

    Raises:
        ConfigError: it is not installed.
    """
    if find_spec("matplotlib") is None:
        raise ConfigError("matplotlib is not installed; pip install 'disco-dock[evaluate]', or give --no-figures")


def write_figures(folder: Path, methods: Mapping[str, Sequence[MeasuredComplex]]) -> list[Path]:
    """Write the figures of some methods on the same complexes; returns their paths.

    Args:
        folder: to write into.
        methods: rows by name; the reliability figure is of the first that gives probabilities.
    """
    written = [_rmsd_cdf(folder / RMSD_CDF, methods), _against_samples(folder / AGAINST_SAMPLES, methods)]
    reports = [report for rows in methods.values() if (report := calibration(rows)) is not None]
    return [*written, _reliability(folder / RELIABILITY, reports[0])] if reports else written


def _axes(title: str, x: str, y: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure  # without pyplot: no window system, no global state

    figure = Figure(figsize=(5.0, 4.0), layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    return figure, axes


def _save(path: Path, figure: Any) -> Path:
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return path


def _rmsd_cdf(path: Path, methods: Mapping[str, Sequence[MeasuredComplex]]) -> Path:
    count = max(len(rows) for rows in methods.values())
    figure, axes = _axes(f"{count} complexes; failures are misses", "RMSD (Å)", "complexes below (%)")
    for number, (name, rows) in enumerate(methods.items()):
        for chosen, style in (("first-ranked", "-"), ("best", "--")):
            values = np.sort([lowest(row.rmsd, 1 if chosen == "first-ranked" else len(row.rmsd)) for row in rows])
            share = 100 * np.arange(1, len(values) + 1) / len(values)
            axes.step(values, share, style, where="post", color=f"C{number}", label=f"{name}, {chosen}")
    for limit in THRESHOLDS:
        axes.axvline(limit, color="grey", linewidth=0.8)
    axes.set(xlim=(0, MAX_RMSD), ylim=(0, 100))
    axes.legend(fontsize="small")
    return _save(path, figure)


def _against_samples(path: Path, methods: Mapping[str, Sequence[MeasuredComplex]]) -> Path:
    figure, axes = _axes(f"RMSD < {THRESHOLDS[0]:g} Å", "poses, N", "complexes (%)")
    for number, (name, rows) in enumerate(methods.items()):
        if not are_samples(rows):
            values = 100 * by_rank(rows, THRESHOLDS[0])
            label = f"{name}, best of first N"
            axes.plot(np.arange(1, len(values) + 1), values, ":", color=f"C{number}", marker=".", label=label)
            continue
        curves = against_samples(rows, THRESHOLDS[0])
        for chosen, style in (("first", "-"), ("best", "--")):
            values = 100 * curves[chosen]
            label = f"{name}, {'first-ranked' if chosen == 'first' else 'best'} of N"
            axes.plot(np.arange(1, len(values) + 1), values, style, color=f"C{number}", marker=".", label=label)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize="small")
    return _save(path, figure)


def _reliability(path: Path, report: Mapping[str, Any]) -> Path:
    figure, axes = _axes("Confidence, all poses", f"predicted P({report['event']})", "observed frequency")
    bins = report["all_poses"]["bins"]
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    axes.plot([one["probability"] for one in bins], [one["frequency"] for one in bins], marker="o")
    for one in bins:
        axes.annotate(
            str(one["poses"]), (one["probability"], one["frequency"]), xytext=(4, 4), textcoords="offset points"
        )
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.text(0.05, 0.92, f"ECE {report['all_poses']['ece']:.3f}, Brier {report['all_poses']['brier']:.3f}")
    return _save(path, figure)
