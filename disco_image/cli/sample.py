"""Sample images: PNG files, a grid, or a grid that shows what latents and noise each decide."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from disco_dock.runtime.command_line import Parser, run_command

SHOWS = ("samples", "same-latent", "same-noise", "switch", "guidance")
ACROSS = 8
SWITCH_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
GUIDANCE_WEIGHTS = (0.0, 1.0, 2.0, 4.0)


def build_parser() -> Parser:
    """Options of the command."""
    parser = Parser(prog="python -m disco_image.sample", description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="run folder of training")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="folder for the images")
    parser.add_argument(
        "--seeds", type=parse_seeds, default=list(range(64)), metavar="LIST", help="such as 0-63 (0-63)"
    )
    parser.add_argument(
        "--show",
        choices=SHOWS,
        default="samples",
        help="samples; or a grid: same latent and new noise, same noise and new latents, latents switched on the way, "
        "guidance weights (%(default)s)",
    )
    parser.add_argument(
        "--class", dest="label", type=int, metavar="N", help="class of all samples; else seed mod classes"
    )
    parser.add_argument("--guidance", type=float, default=0.0, metavar="W", help="D_z + W (D_z - D_null) (%(default)s)")
    parser.add_argument(
        "--guidance-interval", type=float, nargs=2, default=(0.0, 1e9), metavar=("LOW", "HIGH"), help="levels of sigma"
    )
    parser.add_argument(
        "--solver",
        default="heun",
        help="heun, euler, churn, restart, ancestral or the published restart-imagenet64 (%(default)s)",
    )
    parser.add_argument("--steps", type=int, help="levels of the grid (18, or those of a published solver)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="such as solver.churn=20")
    parser.add_argument("--batch-size", type=int, default=64, help="images at once; does not change them (%(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (%(default)s)")
    parser.add_argument("--no-files", action="store_true", help="only the grid, no file per image")
    return parser


def run(args: argparse.Namespace) -> int:
    """Sample and write."""
    from disco_dock.runtime.config import apply_overrides, from_dict, to_dict
    from disco_dock.runtime.device import resolve_device
    from disco_dock.runtime.files import atomic_write
    from disco_image.data.batches import to_pixels
    from disco_image.models.checkpoint import load_models
    from disco_image.sampling.generate import SampleConfig, class_labels, draw_latents, generate
    from disco_image.sampling.grids import write_grid, write_png
    from disco_image.sampling.solvers import evaluations, solver_settings

    low, high = args.guidance_interval
    given = {
        "solver": solver_settings(args.solver, args.steps),
        "guidance": {"weight": args.guidance, "sigma_min": low, "sigma_max": high},
        "batch_size": args.batch_size,
    }
    config = from_dict(SampleConfig, apply_overrides(given, args.set), where="settings")
    models = load_models(args.checkpoint, resolve_device(args.device))
    if args.show != "samples":
        images, columns = _show(models, args, config)
        write_grid(args.out / f"{args.show}.png", images, columns)
        print(args.out / f"{args.show}.png")
        return 0
    labels = class_labels(models, args.seeds, args.label)
    latents = draw_latents(models, args.seeds, labels, config.inverse_temperature)
    images = generate(models, args.seeds, config, latents=latents, labels=labels)
    if not args.no_files:
        for seed, pixels in zip(args.seeds, to_pixels(images), strict=True):
            write_png(args.out / f"{seed:06d}.png", pixels)
    write_grid(args.out / "grid.png", images[:256])
    factor = 2 if config.guidance.weight else 1
    record = {
        "checkpoint": str(args.checkpoint),
        "settings": to_dict(config),
        "evaluations": factor * evaluations(config.solver, models.config.process),
        "seeds": args.seeds,
        "classes": None if labels is None else labels.tolist(),
    }
    if latents is not None and models.config.latents.kind == "discrete":
        record["codes"] = latents.argmax(-1).tolist()
    with atomic_write(args.out / "samples.json", "w") as handle:
        json.dump(record, handle)
    print(args.out / "grid.png")
    return 0


def _show(models, args: argparse.Namespace, config):
    """Images of a grid, row by row, and its number of columns."""
    from dataclasses import replace

    import torch

    from disco_dock.runtime.errors import ConfigError
    from disco_image.processes.noise import rho_grid
    from disco_image.sampling.generate import class_labels, draw_latents, generate

    if models.config.latents.kind == "none":
        raise ConfigError(f"--show {args.show} needs a model with latents, and this is a plain one")
    rows, temperature = args.seeds[:ACROSS], config.inverse_temperature

    def latents_of(seeds: list[int]):
        labels = class_labels(models, seeds, args.label)
        latents = draw_latents(models, seeds, labels, temperature)
        assert latents is not None
        return latents, labels

    if args.show in ("same-latent", "same-noise"):
        noise_seeds = [10_000 + column for column in range(ACROSS)] if args.show == "same-latent" else rows
        latent_seeds = rows if args.show == "same-latent" else [20_000 + column for column in range(ACROSS)]
        latents, labels = latents_of(latent_seeds)
        noise, which = [], []
        for row in range(len(rows)):
            for column in range(ACROSS):
                noise.append(noise_seeds[column] if args.show == "same-latent" else noise_seeds[row])
                which.append(row if args.show == "same-latent" else column)
        chosen = None if labels is None else labels[which]
        return generate(models, noise, config, latents=latents[which], labels=chosen), ACROSS
    latents, labels = latents_of(rows)
    if args.show == "guidance":
        columns = [
            generate(
                models,
                rows,
                replace(config, guidance=replace(config.guidance, weight=w)),
                latents=latents,
                labels=labels,
            )
            for w in GUIDANCE_WEIGHTS
        ]
    else:
        # a column per share of the steps that is done with the first latents; the others finish with another sample's
        grid = rho_grid(models.config.process, config.solver.steps, config.solver.rho).tolist()
        others = latents.roll(1, 0)
        columns = [
            generate(
                models,
                rows,
                config,
                latents=latents,
                labels=labels,
                switch=(others, grid[round(share * (len(grid) - 1))] if share else float("inf")),
            )
            for share in SWITCH_SHARES
        ]
    return torch.stack(columns, 1).flatten(0, 1), len(columns)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of a command line."""
    return run_command(build_parser, run, argv)


def parse_seeds(text: str) -> list[int]:
    """Seeds of a list such as ``0-63`` or ``1,5,7-9``; an argparse type."""
    seeds: list[int] = []
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            seeds += range(int(first), int(last or first) + 1)
    except ValueError:
        seeds = []
    if not seeds:
        raise argparse.ArgumentTypeError(f"expected seeds such as 0-63 or 1,5,7-9, found {text!r}")
    return seeds


if __name__ == "__main__":
    sys.exit(main())
