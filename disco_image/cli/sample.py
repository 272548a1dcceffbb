"""Sample images: PNG files, a grid, or a grid that shows what latents and noise each decide.

Images are written as they come and skipped where they are there: the same command goes on after an interruption.
torchrun shares the seeds among its processes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from disco_dock.runtime.command_line import Parser, run_command
from disco_image.cli.parsing import add_sampling_options, command_parser, sampling_settings

SHOWS = ("samples", "same-latent", "same-noise", "switch", "guidance")
ACROSS = 8
GRID_IMAGES = 256
SWITCH_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
GUIDANCE_WEIGHTS = (0.0, 1.0, 2.0, 4.0)


def build_parser() -> Parser:
    """Options of the command."""
    parser = command_parser("sample", __doc__)
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
    add_sampling_options(parser, batch_size=64)
    parser.add_argument(
        "--guidance-interval", type=float, nargs=2, default=(0.0, 1e9), metavar=("LOW", "HIGH"), help="levels of sigma"
    )
    parser.add_argument(
        "--correct-with",
        type=Path,
        metavar="RUN",
        help="plain model whose DDPM steps take over below --correct-below",
    )
    parser.add_argument("--correct-below", type=float, default=10.0, metavar="SIGMA", help="(%(default)s)")
    parser.add_argument("--correct-steps", type=int, default=256, metavar="N", help="of its whole grid (%(default)s)")
    parser.add_argument("--subdirs", action="store_true", help="a folder for each thousand seeds")
    parser.add_argument("--no-files", action="store_true", help="only the grid of the first 256, no file per image")
    return parser


def run(args: argparse.Namespace) -> int:
    """Sample and write."""
    from disco_dock.runtime.device import resolve_device
    from disco_dock.runtime.distributed import process_group, processes
    from disco_image.cli.progress import Progress
    from disco_image.models.checkpoint import load_models, weights_digest
    from disco_image.sampling.files import sample_to_files
    from disco_image.sampling.generate import class_labels, draw_latents, generate
    from disco_image.sampling.grids import write_grid

    below, steps = args.correct_below, args.correct_steps
    config = sampling_settings(args, interval=args.guidance_interval, correct_below=below, correct_steps=steps)
    with process_group(args.device) as device_name:
        group = processes()
        models = load_models(args.checkpoint, resolve_device(device_name))
        if args.show != "samples":
            if group.first:
                images, columns = _show(models, args, config)
                write_grid(args.out / f"{args.show}.png", images, columns)
                print(args.out / f"{args.show}.png")
            return 0
        correction, weights = None, weights_digest(args.checkpoint)
        if args.correct_with is not None:
            correction = load_models(args.correct_with, models.device)
            weights += weights_digest(args.correct_with)
        if args.no_files:
            if group.first:
                seeds = args.seeds[:GRID_IMAGES]
                labels = class_labels(models, seeds, args.label)
                latents = draw_latents(models, seeds, labels, config.inverse_temperature)
                write_grid(
                    args.out / "grid.png",
                    generate(models, seeds, config, latents=latents, labels=labels, correction=correction),
                )
                print(args.out / "grid.png")
            return 0
        with Progress("samples", "images", len(args.seeds), silent=not group.first) as progress:
            grid = sample_to_files(
                models,
                args.seeds,
                config,
                args.out,
                weights=weights,
                label=args.label,
                subdirs=args.subdirs,
                correction=correction,
                advance=progress.advance,
            )
        if group.first:
            print(grid)
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
