"""Tuning of the toy's recipes with the same effort for each, and why the paper's recipe does as it does on the ring.

    python benchmarks/toy_recipes.py tune -o runs/toy-tuning     # rates and levels, three recipes, seeds 100 to 102
    python benchmarks/toy_recipes.py why -o runs/toy-why         # temperature and encoder rate: figure and table

`tune` prints the balanced W-2 (1,024 points) of every setting of one grid for each recipe; reported seeds are 0 to 9.
`why` follows what the codes tell of the mode, in nats (ln 8 = 2.08 at most), through the training of seeds 100 to 102.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import torch
from torch import Tensor

from disco_image.metrics.plots import line_plot
from disco_image.metrics.wasserstein import wasserstein2
from disco_image.toy.densities import density
from disco_image.toy.measure import sample_toy
from disco_image.toy.networks import ToyModel, ToyModelConfig
from disco_image.toy.run import MODELS, Recipe
from disco_image.toy.training import ToyTrainConfig, train_toy

SEEDS = (100, 101, 102)
RECIPES = ("plain", "disco-paper", "disco-ours")
RATES, STARTS = (0.003, 0.01, 0.02), (-1.0, 0.5)
POINTS, MODES, EVERY = 1024, 8, 50


def distances(model: ToyModel) -> list[float]:
    """Balanced W-2 of each member."""
    truth = density("ring").balanced(POINTS, torch.Generator().manual_seed(7)).numpy()
    members = range(len(model.seeds))
    return [
        wasserstein2(sample_toy(model, i, POINTS, seed=7, balanced=True).points[-1].numpy(), truth) for i in members
    ]


def tune(out: Path) -> str:
    """Table of the grid; the best setting of each recipe is marked."""
    lines = ["| recipe | rate | start of levels | balanced W-2 |", "|---|---|---|---|"]
    for name in RECIPES:
        found = {}
        for rate, start in product(RATES, STARTS):
            training = replace(ToyTrainConfig(learning_rate=rate, p_start=start), **MODELS[name].training)
            values = distances(train_toy(ToyModelConfig(**MODELS[name].model), training, density("ring"), SEEDS))
            found[rate, start] = sum(values) / len(values)
        best = min(found, key=found.__getitem__)
        for (rate, start), value in found.items():
            mark = "**" if (rate, start) == best else ""
            lines.append(f"| {name} | {rate:g} | {start:g} | {mark}{value:.3f}{mark} |")
    table = "\n".join(lines) + "\n"
    (out / "tuning.md").write_text(table)
    return table


def told(model: ToyModel, points: Tensor, modes: Tensor) -> Tensor:
    """(seeds,) information, in nats, of the mode and its code."""
    assert model.encoder is not None
    with torch.no_grad():
        p = model.encoder(points.expand(len(model.seeds), -1, -1) / model.sigma_data).double().softmax(-1)
    by_mode = torch.stack([p[:, modes == mode].mean(1) for mode in range(MODES)], 1)
    overall = by_mode.mean(1)
    return -torch.xlogy(overall, overall).sum(-1) + torch.xlogy(by_mode, by_mode).sum(-1).mean(1)


def why(out: Path) -> str:
    """Curves of the information by step, and a table of where it ends and of the distance."""
    paper = MODELS["disco-paper"]
    cases: dict[str, Recipe] = {
        "paper's recipe": paper,
        "temperature 0.3": replace(paper, model={**paper.model, "temperature": 0.3}),
        "temperature 3": replace(paper, model={**paper.model, "temperature": 3.0}),
        "encoder rate x 0.3": replace(paper, training={"encoder_rate": 0.3}),
        "encoder rate x 3": replace(paper, training={"encoder_rate": 3.0}),
        "ours": MODELS["disco-ours"],
    }
    truth = density("ring")
    points, modes = truth.balanced(POINTS, torch.Generator().manual_seed(3)), torch.arange(POINTS) % MODES
    lines, curves, numbers = [], {}, {}
    for name, recipe in cases.items():
        steps: list[int] = []
        values: list[list[float]] = []

        def watch(step: int, model: ToyModel, steps: list[int] = steps, values: list[list[float]] = values) -> None:
            if step % EVERY == 0:
                steps.append(step)
                values.append(told(model, points, modes).tolist())

        model = train_toy(
            ToyModelConfig(**recipe.model), replace(ToyTrainConfig(), **recipe.training), truth, SEEDS, watch
        )
        means = [sum(each) / len(each) for each in values]
        w2 = distances(model)
        curves[name] = (steps, means)
        numbers[name] = {"steps": steps, "nats": values, "w2": w2}
        end = told(model, points, modes).mean()
        lines.append(f"| {name} | {max(means):.2f} | {float(end):.2f} | {sum(w2) / len(w2):.3f} |")
    line_plot(out / "toy_information.png", curves, x="step", y="nats that codes tell of the mode")
    (out / "why.json").write_text(json.dumps(numbers))
    head = ["| recipe | nats at their best | nats at the end | balanced W-2 |", "|---|---|---|---|"]
    table = "\n".join([*head, *lines]) + "\n"
    (out / "why.md").write_text(table)
    return table


def main() -> int:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("tune", "why"))
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print(tune(args.out) if args.what == "tune" else why(args.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
