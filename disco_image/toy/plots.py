"""Pictures of toy models: where trajectories go, and how they bend."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from disco_image.metrics.plots import COLOURS, pyplot
from disco_image.toy.densities import Density
from disco_image.toy.measure import sample_toy
from disco_image.toy.networks import ToyModel

PATHS = 60
POINTS = 1024


def plot_trajectories(path: Path, models: Mapping[str, ToyModel], density: Density) -> None:
    """Write one panel per model: samples, and trajectories coloured by where they end.

    Args:
        path: of the PNG.
        models: by name; their first seed is shown.
        density: the truth, in grey.
    """
    plt = pyplot()
    figure, panels = plt.subplots(1, len(models), figsize=(3.1 * len(models), 3.2), squeeze=False)
    truth = density.sample(2 * POINTS, torch.Generator().manual_seed(0))
    reach = float(truth.abs().max()) * 1.6
    for axes, (name, model) in zip(panels[0], models.items(), strict=True):
        walk = sample_toy(model, 0, POINTS, seed=0)
        axes.scatter(truth[:, 0], truth[:, 1], s=1, color="#d1d5db", linewidths=0)
        ends = walk.points[-1]
        axes.scatter(ends[:, 0], ends[:, 1], s=1.5, color=COLOURS[1], linewidths=0)
        for line in walk.points[:, :PATHS].transpose(0, 1):
            axes.plot(line[:, 0], line[:, 1], linewidth=0.6, alpha=0.6, color=COLOURS[4])
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
        axes.set_title(name, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    plt.close(figure)
