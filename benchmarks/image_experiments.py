"""Comparisons of image models at equal size and steps; every run goes on where it stopped.

    python benchmarks/image_experiments.py digits  -o runs/experiments            # plain, disco, continuous; guidance
    python benchmarks/image_experiments.py ablation -o runs/experiments           # m x k on digits, two seeds
    python benchmarks/image_experiments.py cifar   -o runs/experiments --data cifar10-train.zip

Writes one folder per run and, beside them, `<experiment>.md` and `<experiment>.png`.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from disco_image import evaluate, train
from disco_image.metrics.plots import line_plot

KINDS = {
    "plain": ["latents.kind=none"],
    "disco": [],
    "continuous KL 0.1": ["latents.kind=gaussian", "latents.kl_weight=0.1"],
    "continuous KL 1": ["latents.kind=gaussian", "latents.kl_weight=1.0"],
}
LATENTS, CODES = (1, 2, 4, 8), (4, 16, 64)
SEEDS = (0, 1)
ROWS = ("frechet_classifier_distance", "kernel_distance", "precision", "recall")


@dataclass(frozen=True)
class Run:
    """A training run and the ways in which it is sampled, by name: (latents, guidance)."""

    name: str
    settings: tuple[str, ...]
    seed: int
    samplings: dict[str, tuple[str, float]]


def comparison() -> list[Run]:
    """Plain, discrete and continuous latents; oracle, prior and guidance."""
    runs = []
    for seed in SEEDS:
        for kind, settings in KINDS.items():
            samplings = {"prior": ("prior", 0.0)}
            if kind != "plain":
                samplings["oracle"] = ("oracle", 0.0)
            if kind == "disco":
                samplings |= {"prior, w=1": ("prior", 1.0), "prior, w=2": ("prior", 2.0)}
            runs.append(Run(f"{kind.replace(' ', '-')}-{seed}", tuple(settings), seed, samplings))
    return runs


def ablation() -> list[Run]:
    """Every number of latents with every size of the codebook."""
    samplings = {"prior": ("prior", 0.0), "oracle": ("oracle", 0.0)}
    return [
        Run(f"m{m}-k{k}-{seed}", (f"latents.num_latents={m}", f"latents.vocab_size={k}"), seed, samplings)
        for m in LATENTS
        for k in CODES
        for seed in SEEDS
    ]


def perform(run: Run, folder: Path, preset: str, data: str, count: int, extra: list[str]) -> dict[str, dict]:
    """Train and evaluate a run where that is not done; its reports by sampling.

    Raises:
        SystemExit: a command failed.
    """
    out, reports = folder / run.name, {}
    settings = [part for value in [*run.settings, *extra] for part in ("--set", value)]
    argv = ["--preset", preset, "--data", data, "--seed", str(run.seed), "-o", str(out), *settings]
    if train.main(argv):
        raise SystemExit(1)
    for name, (latents, weight) in run.samplings.items():
        target = folder / f"{run.name}-{latents}-{weight:g}"
        if not (target / "report.json").exists():
            argv = [str(out), "-o", str(target), "--data", data, "--latents", latents, "--guidance", str(weight)]
            argv += ["--count", str(count)]
            if latents == "prior" and weight == 0:
                argv += ["--by-steps", "3", "5", "9"]
            if evaluate.main(argv):
                raise SystemExit(1)
        reports[name] = json.loads((target / "report.json").read_text())
    return reports


def table(rows: list[tuple[str, str, dict]]) -> str:
    """Markdown of (run, sampling, report)."""
    lines = ["| run | latents | " + " | ".join(ROWS) + " |", "|" + "---|" * (2 + len(ROWS))]
    for name, sampling, report in rows:
        lines.append(f"| {name} | {sampling} | " + " | ".join(f"{report[row]:.3g}" for row in ROWS) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Perform the runs of an experiment one after another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=("digits", "cifar", "ablation"))
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--count", type=int, default=1024)
    parser.add_argument("--set", action="append", default=[], help="of every run, such as denoiser.loop.max_steps=1000")
    args = parser.parse_args()
    preset = "cifar10-small" if args.experiment == "cifar" else "digits"
    runs = ablation() if args.experiment == "ablation" else comparison()
    rows, lines = [], {}
    for run in runs:
        reports = perform(run, args.out / args.experiment, preset, args.data, args.count, args.set)
        rows += [(run.name, sampling, report) for sampling, report in reports.items()]
        levels = reports["prior"]["loss_by_level"]
        shown = "plain" if "plain" in levels[0] else "latents"
        lines[run.name] = ([row["sigma"] for row in levels], [row[shown] for row in levels])
        (args.out / f"{args.experiment}.md").write_text(table(rows))
    chosen = {name: line for name, line in lines.items() if name.endswith("-0")}
    line_plot(args.out / f"{args.experiment}.png", chosen, x="sigma", y="weighted squared error", log_x=True)
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
