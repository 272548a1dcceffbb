"""One toy experiment: every model, every seed, a table and plots."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.files import atomic_write
from disco_dock.runtime.random import generator
from disco_image.metrics.distances import t_interval
from disco_image.metrics.plots import line_plot
from disco_image.metrics.wasserstein import wasserstein2
from disco_image.toy.densities import density
from disco_image.toy.measure import FEW_STEPS, PROBE_LEVELS, ToyReport, measure_toy
from disco_image.toy.networks import ToyModelConfig
from disco_image.toy.plots import plot_trajectories
from disco_image.toy.training import ToyTrainConfig, train_toy

logger = logging.getLogger(__name__)
GOOD_ENOUGH = 1.1
"""A number of steps suffices when the distance is within this factor of that at 50 steps, plus the floor's tenth."""
OURS = {"encoder_rate": 3.0, "encoder_share": 0.3}
"""Two of the three changes of our recipe; the third is the even use of codes, `balance`."""


@dataclass(frozen=True)
class Recipe:
    """A model of the table.

    Attributes:
        title: of its row.
        model: values of its `ToyModelConfig`.
        training: values that differ from the run's `ToyTrainConfig`.
    """

    title: str
    model: dict[str, Any]
    training: dict[str, Any] = field(default_factory=dict)


MODELS: dict[str, Recipe] = {
    "plain": Recipe("plain", {"kind": "plain"}),
    "disco-paper": Recipe("discrete, the paper's recipe", {"kind": "disco"}),
    "disco-paper-relaxed": Recipe("discrete, the paper's recipe, relaxed codes", {"kind": "disco", "relaxed": True}),
    "disco-paper-closed-form": Recipe(
        "discrete, the paper's recipe and closed-form decoder (told the shape of a mode)", {"kind": "disco-closed-form"}
    ),
    "disco-ours": Recipe(
        "discrete, ours: balance 0.3, encoder at 3 x the rate and in the first 30 % of the steps",
        {"kind": "disco", "balance": 0.3},
        OURS,
    ),
    "disco-ours-unbalanced": Recipe("discrete, ours without balance", {"kind": "disco"}, OURS),
    "continuous-kl-0.1": Recipe("continuous, KL weight 0.1", {"kind": "gaussian", "kl_weight": 0.1}),
    "continuous-kl-1": Recipe("continuous, KL weight 1", {"kind": "gaussian", "kl_weight": 1.0}),
}
"""Recipes by name; the noise levels, steps and rate of the denoiser are the same in all."""
COLUMNS = (
    ("W-2 balanced", "w2_balanced"),
    ("W-2", "w2"),
    ("curvature", "mean_curvature"),
    ("Jacobian norm^2", "mean_jacobian"),
    ("modes", "coverage"),
    ("strays", "strays"),
    ("codes used", "code_perplexity"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ToyRunConfig:
    """What is run.

    Attributes:
        name: of the distribution.
        models: names of `MODELS`.
        seeds: how many.
        first_seed: the first of them.
        points: of each point set in the distances, a power of two.
        vocab_size: codes of the discrete latent.
        budget: parameters of each model, all networks together.
        training: length and rates.
    """

    name: str = "ring"
    models: tuple[str, ...] = tuple(MODELS)
    seeds: int = 5
    first_seed: int = 0
    points: int = 2048
    vocab_size: int = 8
    budget: int = 16_000
    training: ToyTrainConfig = field(default_factory=ToyTrainConfig)

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.seeds < 1 or self.first_seed < 0 or self.points < 64 or self.points & (self.points - 1):
            raise ConfigError("a toy run needs seeds >= 1 and points a power of two from 64 on")
        unknown = [name for name in self.models if name not in MODELS]
        if unknown or not self.models:
            raise ConfigError(f"unknown toy model {unknown[:1]}; choose from {', '.join(MODELS)}")


def run_toy(config: ToyRunConfig, out: Path) -> str:
    """The table of results in Markdown; it, the numbers and the plots are written to `out`."""
    truth = density(config.name)
    seeds = range(config.first_seed, config.first_seed + config.seeds)
    reports: dict[str, list[ToyReport]] = {}
    models = {}
    for name in config.models:
        recipe = MODELS[name]
        shape = ToyModelConfig(vocab_size=config.vocab_size, budget=config.budget, **recipe.model)
        logger.info("%s: training %d seeds", name, config.seeds)
        models[name] = train_toy(shape, replace(config.training, **recipe.training), truth, seeds)
        reports[name] = [measure_toy(models[name], member, truth, config.points) for member in range(config.seeds)]
    floors = [_floor(config, seed) for seed in seeds]
    floor = (sum(a for a, _ in floors) / len(floors), sum(b for _, b in floors) / len(floors))
    parameters = {name: model.parameters_per_seed() for name, model in models.items()}
    table = _table(reports, parameters, floor)
    _plots(reports, out)
    plot_trajectories(out / "trajectories.png", models, truth)
    numbers = {name: [asdict(report) for report in each] for name, each in reports.items()}
    with atomic_write(out / "results.json", "w") as handle:
        json.dump({"floor": floor, "parameters": parameters, "results": numbers}, handle)
    with atomic_write(out / "table.md", "w") as handle:
        handle.write(table)
    return table


def _floor(config: ToyRunConfig, seed: int) -> tuple[float, float]:
    """Distance between two independent sets of true points, drawn freely and with balanced modes."""
    truth = density(config.name)
    a, b = generator("toy floor", seed, 0), generator("toy floor", seed, 1)
    free = wasserstein2(truth.sample(config.points, a).numpy(), truth.sample(config.points, b).numpy())
    balanced = wasserstein2(truth.balanced(config.points, a).numpy(), truth.balanced(config.points, b).numpy())
    return free, balanced


def _with_interval(values: Sequence[float]) -> str:
    if any(math.isnan(value) for value in values):
        return ""
    mean = sum(values) / len(values)
    half = t_interval(torch.tensor(values))
    return f"{mean:.3g}" if math.isnan(half) else f"{mean:.3g} ± {half:.2g}"


def needed_evaluations(report: ToyReport, floor: float) -> int:
    """Denoiser evaluations of the fewest Heun steps whose balanced distance is as good as that of 50 steps."""
    last = report.w2_by_steps[FEW_STEPS[-1]]
    fewest = next(steps for steps in FEW_STEPS if report.w2_by_steps[steps] <= GOOD_ENOUGH * last + floor / 10)
    return 2 * fewest - 1


def _table(reports: dict[str, list[ToyReport]], parameters: dict[str, int], floor: tuple[float, float]) -> str:
    head = ["model", "parameters", *(title for title, _ in COLUMNS), "NFE needed"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, each in reports.items():
        cells = [_with_interval([getattr(report, column) for report in each]) for _, column in COLUMNS]
        needed = _with_interval([needed_evaluations(report, floor[1]) for report in each])
        lines.append("| " + " | ".join([MODELS[name].title, str(parameters[name]), *cells, needed]) + " |")
    free = ["true points against true points", "", f"{floor[1]:.3g}", f"{floor[0]:.3g}", *[""] * (len(COLUMNS) - 1)]
    return "\n".join([*lines, "| " + " | ".join(free) + " |"]) + "\n"


def _plots(reports: dict[str, list[ToyReport]], out: Path) -> None:
    """Curvature, Jacobian and distance by steps: means over the seeds, bands from the lowest to the highest."""
    for file, name_of_values, label, log_y in (
        ("curvature.png", "curvature", "curvature of the path (median)", True),
        ("jacobian.png", "jacobian", "squared Jacobian norm", False),
    ):
        lines, bands = {}, {}
        for name, each in reports.items():
            values = torch.tensor([getattr(report, name_of_values) for report in each])
            lines[name] = (PROBE_LEVELS, values.mean(0).tolist())
            bands[name] = (values.min(0).values.tolist(), values.max(0).values.tolist())
        line_plot(out / file, lines, x="t = sigma", y=label, log_x=True, log_y=log_y, bands=bands)
    lines = {}
    for name, each in reports.items():
        values = torch.tensor([[report.w2_by_steps[steps] for steps in FEW_STEPS] for report in each])
        lines[name] = ([2 * steps - 1 for steps in FEW_STEPS], values.mean(0).tolist())
    line_plot(out / "distance_by_evaluations.png", lines, x="NFE", y="W-2 (balanced)", log_x=True, log_y=True)
