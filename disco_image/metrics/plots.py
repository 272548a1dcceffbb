"""Line plots as PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from disco_dock.runtime.errors import ConfigError

COLOURS = ("#4b5563", "#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed")


def pyplot():
    """matplotlib's pyplot, drawing to files.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise ConfigError("plots need matplotlib; pip install 'disco-dock[image]'") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    plt.rcParams.update(
        {
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.dpi": 110,
            "savefig.bbox": "tight",
        }
    )
    return plt


def line_plot(
    path: Path,
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    x: str,
    y: str,
    log_x: bool = False,
    log_y: bool = False,
    bands: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
    whiskers: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
    ticks: Sequence[float] = (),
) -> None:
    """Write lines of (x, y) values by name, with optional bands or error bars (low, high) around them.

    Args:
        path: of the PNG.
        lines: by name.
        x: label of the axis.
        y: label of the axis.
        log_x: whether the axis is logarithmic.
        log_y: whether the axis is logarithmic.
        bands: by name.
        whiskers: ends of the error bars, by name.
        ticks: the only places of the x axis that are marked; empty for matplotlib's choice.
    """
    plt = pyplot()
    figure, axes = plt.subplots(figsize=(4.6, 3.2))
    for number, (name, (across, up)) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(across, up, label=name, color=colour, linewidth=1.6, marker="o", markersize=2.5)
        if bands and name in bands:
            axes.fill_between(across, *bands[name], color=colour, alpha=0.15, linewidth=0)
        if whiskers and name in whiskers:
            low, high = whiskers[name]
            reach = [[y - a for y, a in zip(up, low, strict=True)], [b - y for y, b in zip(up, high, strict=True)]]
            axes.errorbar(across, up, yerr=reach, fmt="none", ecolor=colour, elinewidth=1.0, capsize=2.5)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if log_x:
        axes.set_xscale("log")
    if log_y:
        axes.set_yscale("log")
    if ticks:
        axes.set_xticks(list(ticks), [f"{tick:g}" for tick in ticks])
        axes.set_xticks([], minor=True)
    axes.grid(alpha=0.25, linewidth=0.5)
    axes.legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    plt.close(figure)
