"""Do discrete latents help images? Fashion-MNIST, two branches from one plain model, six seeds, a rule fixed before.

    apt-get install dataset-fashion-mnist
    python benchmarks/image_fashion.py -o runs/fashion

Per seed a plain model of preset `cifar10-small` (1,200 steps of 64), and from its weights, with the same batches and
noise, 800 steps of `disco` (8 latents of 32 codes, the paper's loss) and of `blind`: the same network whose latents are
dropped for 99.9 % of the images, so that only the information in the latents is gone. `disco` gets a prior (600 steps)
and samples with its latents, `blind` with the null embedding, both from the same noise. docs/experiments.md has the
rule and the results. Every part goes on where it stopped; a seed that is done is not repeated.

Writes `seed-N/report.json`, and `summary.json` and `table.md` of the seeds that are done.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from disco_dock.runtime.files import atomic_write
from disco_dock.runtime.log import setup_logging
from disco_image.data.batches import ImageBatches
from disco_image.data.open_source import open_source
from disco_image.metrics.by_level import loss_by_level, path_by_level
from disco_image.metrics.distances import frechet_distance, moments, t_interval
from disco_image.metrics.features import SmallClassifier, cached_classifier, in_batches
from disco_image.models.checkpoint import ImageModels, load_models
from disco_image.sampling.generate import SampleConfig, draw_latents, generate, infer_latents
from disco_image.sampling.grids import write_grid
from disco_image.sampling.solvers import SolverConfig
from disco_image.training.presets import preset
from disco_image.training.settings import SpeedConfig, TrainConfig
from disco_image.training.train_denoiser import train_denoiser
from disco_image.training.train_prior import train_prior

DATA = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz"
HELD_OUT = "t10k-images-idx3-ubyte.gz"
RESOLUTION = 16
PLAIN_STEPS, BRANCH_STEPS, PRIOR_STEPS = 1200, 800, 600
BLIND_RATE = 0.999
SAMPLES = 3072
HEUN_STEPS = {"35": 18, "9": 5}
"""Steps by the number of evaluations that they take."""
FEATURE_STEPS = 600
LEVEL_IMAGES = 512
PATH_SEEDS = 64
MIDDLE = (0.2, 5.0)
CLASSES = 10
GAIN, NO_GAIN, NEEDED_SEEDS = -0.05, -0.15, 6
CPU = torch.device("cpu")


def settings(seed: int, data: str) -> dict[str, TrainConfig]:
    """Settings of the plain model and of both branches."""
    base = preset("cifar10-small")
    base = replace(
        base,
        seed=seed,
        data=replace(base.data, source=data, resolution=RESOLUTION, flip=False),
        speed=SpeedConfig(precision="bfloat16"),
        prior=replace(base.prior, loop=replace(base.prior.loop, max_steps=PRIOR_STEPS, checkpoint_seconds=120.0)),
    )

    def stage(steps: int, **changes):
        loop = replace(base.denoiser.loop, max_steps=steps, checkpoint_seconds=120.0)
        return replace(base.denoiser, loop=loop, tick_images=0, **changes)

    return {
        "plain": replace(base, latents=replace(base.latents, kind="none"), denoiser=stage(PLAIN_STEPS)),
        "disco": replace(base, denoiser=stage(BRANCH_STEPS)),
        "blind": replace(base, denoiser=stage(BRANCH_STEPS, null_rate=BLIND_RATE)),
    }


def train(seed: int, data: str, folder: Path) -> dict[str, ImageModels]:
    """The trained branches of a seed."""
    source = open_source(data, RESOLUTION)
    models = {}
    for name, config in settings(seed, data).items():
        if name != "plain":
            initial = str(folder / "plain" / "checkpoint" / "denoiser.safetensors")
            config = replace(config, denoiser=replace(config.denoiser, initial=initial))
        train_denoiser(config, source, folder / name, CPU)
        if name == "disco":
            train_prior(config, source, folder / name, CPU)
        if name != "plain":
            models[name] = load_models(folder / name, CPU, with_encoder=True)
    return models


def measure(
    name: str, models: ImageModels, seed: int, reals: Tensor, held_out: Tensor, network: SmallClassifier, out: Path
):
    """What is reported of a branch; `reals` are the features of all training images."""
    informed = name == "disco"
    seeds = list(range(1_000_000 * seed, 1_000_000 * seed + SAMPLES))
    latents = draw_latents(models, seeds, None) if informed else torch.zeros(SAMPLES, *models.config.latents.shape())
    assert latents is not None
    target = moments(reals)
    report: dict[str, Any] = {"frechet": {}}
    for evaluations, steps in HEUN_STEPS.items():
        config = SampleConfig(solver=SolverConfig(steps=steps), batch_size=128, precision="bfloat16")
        samples = generate(models, seeds, config, latents=latents, keep_latents=informed)
        features = in_batches(network.features, samples)
        report["frechet"][evaluations] = frechet_distance(target, moments(features))
        if evaluations == "35":
            share = torch.bincount(network.head(features).argmax(1), minlength=CLASSES).double() / SAMPLES
            report["class_distance"] = float((share - 1 / CLASSES).abs().sum()) / 2
            write_grid(out / "samples.png", samples[:64])
    codes = infer_latents(models, held_out, None, range(len(held_out)))
    losses = loss_by_level(models, held_out, codes, None)
    report["loss_by_level"] = [
        {"sigma": row["sigma"], "loss": row["latents" if informed else "null"]} for row in losses
    ]
    paths = path_by_level(models, seeds[:PATH_SEEDS], latents[:PATH_SEEDS], None, informed)
    bends = [row["curvature"] for row in paths if MIDDLE[0] <= row["sigma"] <= MIDDLE[1]]
    report["curvature"] = sum(bends) / len(bends)
    if informed:
        facts = models.facts["prior"]
        report["nats"] = {key: facts[key] for key in ("held_out_nats", "unigram_nats")}
        report["code_perplexity"] = facts["code_perplexity"]
        _code_grid(models, seeds, out)
    return report


def _code_grid(models: ImageModels, seeds: Sequence[int], out: Path) -> None:
    """Samples of eight latents (rows), each from the same eight noises (columns)."""
    latents = draw_latents(models, seeds[:8], None)
    assert latents is not None
    config = SampleConfig(batch_size=64)
    noises = [seeds[0] + 500_000 + column for column in range(8)] * 8
    write_grid(out / "codes.png", generate(models, noises, config, latents=latents.repeat_interleave(8, 0)), 8)


def run_seed(seed: int, data: str, out: Path) -> dict[str, Any]:
    """The report of a seed, made where it is not there."""
    folder = out / f"seed-{seed}"
    path = folder / "report.json"
    if path.exists():
        return json.loads(path.read_text())
    models = train(seed, data, folder)
    images = _all_images(data)
    labels = torch.tensor([images.source.label(index) for index in range(images.source.info.count)])
    pixels = images.stack(list(range(images.source.info.count)))
    classifier = out / "classifier.safetensors"
    network, accuracy = cached_classifier(classifier, pixels, labels, CLASSES, steps=FEATURE_STEPS)
    reals = in_batches(network.features, pixels)
    tests = _all_images(str(Path(data).with_name(HELD_OUT)))
    held_out = tests.stack(list(range(LEVEL_IMAGES)))
    report: dict[str, Any] = {"seed": seed, "classifier_accuracy": accuracy}
    for name, each in models.items():
        report[name] = measure(name, each, seed, reals, held_out, network, folder / name)
    images.close()
    tests.close()
    with atomic_write(path, "w") as handle:
        json.dump(report, handle, indent=1)
    return report


def _all_images(path: str) -> ImageBatches:
    return ImageBatches(open_source(path, RESOLUTION), batch_size=256, seed=0)


def decide(differences: Sequence[float]) -> str:
    """The verdict of the rule, which needs all six seeds."""
    if len(differences) < NEEDED_SEEDS:
        return f"undecided so far: {len(differences)} of {NEEDED_SEEDS} seeds"
    mean, half = sum(differences) / len(differences), t_interval(torch.tensor(differences))
    if all(value < 0 for value in differences) and mean <= GAIN:
        return "confirmed"
    if mean - half > NO_GAIN and mean - half <= 0 <= mean + half:
        return "refuted at this scale"
    return "undecided"


def summarise(reports: Sequence[dict[str, Any]], out: Path) -> str:
    """Write `summary.json` and `table.md`; returns the table."""
    rows = {
        "Frechet, NFE 35": lambda each: each["frechet"]["35"],
        "Frechet, NFE 9": lambda each: each["frechet"]["9"],
        "curvature, sigma 0.2 to 5": lambda each: each["curvature"],
        "distance of class histograms": lambda each: each["class_distance"],
        **{
            f"loss at sigma = {row['sigma']:g}": lambda each, place=place: each["loss_by_level"][place]["loss"]
            for place, row in enumerate(reports[0]["disco"]["loss_by_level"])
        },
    }
    lines = ["| | disco | blind | disco - blind | by seed |", "|---|---|---|---|---|"]
    summary = {"seeds": [report["seed"] for report in reports]}
    for title, value in rows.items():
        disco, blind = ([value(report[name]) for report in reports] for name in ("disco", "blind"))
        differences = [a - b for a, b in zip(disco, blind, strict=True)]
        mean = sum(differences) / len(differences)
        summary[title] = {"disco": disco, "blind": blind, "difference": mean}
        cells = [f"{sum(values) / len(values):.4g}" for values in (disco, blind)]
        interval = f"{mean:+.3g} ± {t_interval(torch.tensor(differences)):.2g}"
        lines.append("| " + " | ".join([title, *cells, interval, ", ".join(f"{d:+.3g}" for d in differences)]) + " |")
    first = summary["Frechet, NFE 35"]
    verdict = decide([a - b for a, b in zip(first["disco"], first["blind"], strict=True)])
    summary["verdict"] = verdict
    table = "\n".join([*lines, "", f"Verdict: {verdict}.", ""])
    for name, text in (("summary.json", json.dumps(summary, indent=1)), ("table.md", table)):
        with atomic_write(out / name, "w") as handle:
            handle.write(text)
    return table


def main() -> int:
    """Perform the seeds one after another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--data", default=DATA, help="training images of Fashion-MNIST (%(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(NEEDED_SEEDS)))
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    setup_logging(1)
    torch.set_num_threads(args.threads)
    reports = []
    for seed in args.seeds:
        reports.append(run_seed(seed, args.data, args.out))
        print(summarise(reports, args.out), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
