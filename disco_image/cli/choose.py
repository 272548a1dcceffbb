"""Choose among the averages that a run kept (denoiser.ema_snapshots=true) the one whose samples are nearest.

Each is measured by the same seeds; the best becomes a run folder of its own (RUN/best). The command may be run while
training goes on, and again later: what was measured is not measured again. Seeds start at 1000000, so that the FID of
the best one by seeds from 0 is not the one that it was chosen by.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from disco_dock.runtime.command_line import Parser, run_command
from disco_image.cli.parsing import add_sampling_options, command_parser, images_of_run, opened, sampling_settings

FIRST_SEED = 1_000_000


def build_parser() -> Parser:
    """Options of the command."""
    parser = command_parser("choose", __doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder of training")
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help="run folder of the best one (RUN/best)")
    parser.add_argument("--data", metavar="SOURCE", help="images to compare with (those of training)")
    parser.add_argument("--last", type=int, default=0, metavar="N", help="only the last N ticks (all)")
    parser.add_argument(
        "--widths", type=float, nargs="*", default=[], metavar="WIDTH", help="also make averages of these EMA widths"
    )
    parser.add_argument("--count", type=int, default=10_000, help="samples of each (%(default)s)")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, metavar="N", help="of the samples (%(default)s)")
    parser.add_argument(
        "--latents",
        choices=("prior", "oracle", "null"),
        help="(those of the prior where there is one; before, those that each encoder infers)",
    )
    parser.add_argument("--weights", default="", metavar="FILE", help="Inception weights of torch-fidelity, for FID")
    parser.add_argument("--reference", default="", metavar="NPZ", help="moments of the real images (mu, sigma)")
    parser.add_argument(
        "--feature-steps", type=int, default=600, metavar="N", help="training of the classifier without --weights"
    )
    add_sampling_options(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Measure, and write the best."""
    import shutil

    from disco_dock.runtime.checkpoint import load_metadata
    from disco_dock.runtime.config import from_dict
    from disco_dock.runtime.device import resolve_device
    from disco_dock.runtime.distributed import process_group, processes
    from disco_dock.runtime.errors import ConfigError
    from disco_dock.runtime.log import setup_logging
    from disco_image.cli.progress import watch_of
    from disco_image.metrics.samples import EvaluateConfig
    from disco_image.models.checkpoint import FOLDER
    from disco_image.training.choose import candidates, choose

    if args.last < 0:
        raise ConfigError(f"--last must not be negative, got {args.last}")
    target = args.out or args.run / "best"
    if target.resolve() == args.run.resolve():
        raise ConfigError(f"-o {target}: is the run itself, whose checkpoint would be lost; give another folder")
    has_prior = (args.run / FOLDER / "prior.safetensors").exists()
    settings = {name: getattr(args, name) for name in ("count", "first_seed", "weights", "reference", "feature_steps")}
    settings["latents"] = args.latents or ("prior" if has_prior else "oracle")
    config = from_dict(EvaluateConfig, settings, where="settings")
    found, sampling = candidates(args.run, args.widths, args.last), sampling_settings(args)
    source, crop = images_of_run(args.run, args.data)
    resolution = load_metadata(args.run / FOLDER / "denoiser.safetensors")["config"]["resolution"]
    with process_group(args.device) as device_name:
        first = processes().first
        setup_logging(1 if first else 0)

        def measured(candidate, distance: float, again: bool) -> None:
            if first:
                at = f"kimg {candidate.images / 1000:.1f}   " if candidate.images else ""
                print(f"{candidate.name}   {at}{distance:.4g}{'   (measured before)' if again else ''}", flush=True)

        device = resolve_device(device_name)
        with opened(source, args.batch_size, resolution, crop) as images:
            record = choose(
                args.run,
                target,
                found,
                images,
                sampling,
                config,
                device,
                progress=watch_of(first),
                measured=measured,
            )
        if first:
            if (args.run / "settings.yaml").is_file():
                shutil.copyfile(args.run / "settings.yaml", target / "settings.yaml")
            print(f"best: {record['best']}, in {target}")
            if config.latents != "prior" and (target / FOLDER / "encoder.safetensors").exists():
                print(f"its latents need a prior: python -m disco_image.train --stage prior -o {target} ...")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of a command line."""
    return run_command(build_parser, run, argv)


if __name__ == "__main__":
    sys.exit(main())
