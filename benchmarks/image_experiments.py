"""Comparisons of image models at equal size and steps; every run continues where it stopped.

    python benchmarks/image_experiments.py digits  -o runs/experiments            # plain, disco, continuous; guidance
    python benchmarks/image_experiments.py ablation -o runs/experiments           # m x k on digits, two seeds
    python benchmarks/image_experiments.py cifar   -o runs/experiments --data cifar10-train.zip

`--seeds` and `--kinds` (or `--latents` and `--codes` of the ablation) choose some of the runs, `--set` shortens them.
Writes one folder per run and, beside them, `<experiment>.md` and plots: loss by level and distance by evaluations, or
the ablation's distances.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from disco_image.cli import evaluate, train
from disco_image.metrics.plots import line_plot

KINDS = {
    "plain": ["latents.kind=none"],
    "plain, wide": ["latents.kind=none", "unet.width=36", "unet.head_width=36"],
    "disco": [],
    "continuous KL 0.1": ["latents.kind=gaussian", "latents.kl_weight=0.1"],
    "continuous KL 1": ["latents.kind=gaussian", "latents.kl_weight=1.0"],
}
"""Settings by kind; the wide plain model has as many parameters as the denoiser with latents, or more."""
LATENTS, CODES = (1, 2, 4, 8), (4, 16, 64)
SEEDS = (0, 1)
DISTANCE = "frechet_classifier_distance"
ROWS = (DISTANCE, "kernel_distance", "precision", "recall")
MIDDLE = (0.2, 5.0)
"""Levels of sigma at which paths bend most; the curvature of the table is the mean over them."""
FEW_STEPS = ("3", "5", "9")


@dataclass(frozen=True)
class Run:
    """A training run and the ways in which it is sampled, by name: (latents, guidance)."""

    name: str
    settings: tuple[str, ...]
    seed: int
    samplings: dict[str, tuple[str, float]]


def comparison(seeds: Sequence[int], kinds: Sequence[str]) -> list[Run]:
    """Plain, discrete and continuous latents; oracle, prior and guidance."""
    runs = []
    for seed in seeds:
        for kind in kinds:
            settings = KINDS[kind]
            samplings = {"prior": ("prior", 0.0)}
            if "latents.kind=none" not in settings:
                samplings["oracle"] = ("oracle", 0.0)
            if kind == "disco":
                samplings |= {"prior, w=1": ("prior", 1.0), "prior, w=2": ("prior", 2.0)}
            runs.append(Run(f"{kind.replace(',', '').replace(' ', '-')}-{seed}", tuple(settings), seed, samplings))
    return runs


def ablation(seeds: Sequence[int], latents: Sequence[int], codes: Sequence[int]) -> list[Run]:
    """Every number of latents with every size of the codebook."""
    samplings = {"prior": ("prior", 0.0), "oracle": ("oracle", 0.0)}
    return [
        Run(f"m{m}-k{k}-{seed}", (f"latents.num_latents={m}", f"latents.vocab_size={k}"), seed, samplings)
        for m in latents
        for k in codes
        for seed in seeds
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
                argv += ["--by-steps", *FEW_STEPS]
            if evaluate.main(argv):
                raise SystemExit(1)
        reports[name] = json.loads((target / "report.json").read_text())
    return reports


def bend(report: dict) -> float:
    """Mean curvature over the middle levels."""
    values = [row["curvature"] for row in report["path_by_level"] if MIDDLE[0] <= row["sigma"] <= MIDDLE[1]]
    return sum(values) / len(values)


def table(rows: list[tuple[str, str, dict]]) -> str:
    """Markdown of (run, sampling, report)."""
    lines = ["| run | latents | " + " | ".join(ROWS) + " | curvature |", "|" + "---|" * (3 + len(ROWS))]
    for name, sampling, report in rows:
        cells = [f"{report[row]:.3g}" for row in ROWS]
        lines.append(f"| {name} | {sampling} | " + " | ".join([*cells, f"{bend(report):.3g}"]) + " |")
    return "\n".join(lines) + "\n"


def plot_comparison(path: Path, rows: list[tuple[str, str, dict]], first: int) -> None:
    """Loss by level and distance by evaluations of the runs of one seed."""
    losses, distances = {}, {}
    for name, sampling, report in rows:
        if sampling != "prior" or not name.endswith(f"-{first}"):
            continue
        levels, steps = report["loss_by_level"], report["frechet_by_steps"]
        shown = "plain" if "plain" in levels[0] else "latents"
        losses[name] = ([row["sigma"] for row in levels], [row[shown] for row in levels])
        distances[name] = ([2 * int(count) - 1 for count in steps], list(steps.values()))
    line_plot(path.with_name(f"{path.stem}-loss.png"), losses, x="sigma", y="weighted squared error", log_x=True)
    line_plot(path.with_name(f"{path.stem}-steps.png"), distances, x="NFE", y=DISTANCE.replace("_", " "), log_y=True)


def plot_ablation(path: Path, rows: list[tuple[str, str, dict]]) -> None:
    """Distance by size of the codebook, a line for each number of latents; means and range of the seeds."""
    found: dict[str, dict[int, list[float]]] = {}
    for name, sampling, report in rows:
        latents, codes, _ = name.split("-")
        by_codes = found.setdefault(f"{latents.replace('m', 'm = ')}, {sampling}", {})
        by_codes.setdefault(int(codes[1:]), []).append(report[DISTANCE])
    lines, ends = {}, {}
    for place, (name, by_codes) in enumerate(found.items()):
        beside = [count * 1.04 ** (place - (len(found) - 1) / 2) for count in by_codes]  # so that bars do not overlap
        lines[name] = (beside, [sum(values) / len(values) for values in by_codes.values()])
        ends[name] = ([min(values) for values in by_codes.values()], [max(values) for values in by_codes.values()])
    ticks = sorted({count for by_codes in found.values() for count in by_codes})
    label = DISTANCE.replace("_", " ")
    line_plot(path.with_suffix(".png"), lines, x="codes per latent", y=label, log_x=True, whiskers=ends, ticks=ticks)


def main() -> int:
    """Perform the runs of an experiment one after another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=("digits", "cifar", "ablation"))
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--count", type=int, default=1024, help="samples of each measurement")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--kinds", nargs="+", choices=tuple(KINDS), default=tuple(KINDS))
    parser.add_argument("--latents", type=int, nargs="+", default=LATENTS, help="m of the ablation")
    parser.add_argument("--codes", type=int, nargs="+", default=CODES, help="k of the ablation")
    parser.add_argument("--set", action="append", default=[], help="of every run, such as denoiser.loop.max_steps=1000")
    args = parser.parse_args()
    preset = "cifar10-small" if args.experiment == "cifar" else "digits"
    ablates = args.experiment == "ablation"
    runs = ablation(args.seeds, args.latents, args.codes) if ablates else comparison(args.seeds, args.kinds)
    rows: list[tuple[str, str, dict]] = []
    for run in runs:
        reports = perform(run, args.out / args.experiment, preset, args.data, args.count, args.set)
        rows += [(run.name, sampling, report) for sampling, report in reports.items()]
        (args.out / f"{args.experiment}.md").write_text(table(rows))
    if ablates:
        plot_ablation(args.out / args.experiment, rows)
    else:
        plot_comparison(args.out / args.experiment, rows, args.seeds[0])
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
