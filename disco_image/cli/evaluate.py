"""Measure a trained model against its images: distances, loss, curvature and Jacobian by noise level, use of codes.

With --images, the distances of any folder or zip of images to --data. torchrun shares images and samples among its
processes; both are measured a part at a time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from disco_dock.runtime.command_line import Parser, run_command
from disco_image.cli.parsing import add_sampling_options, command_parser, images_of_run, opened, sampling_settings


def build_parser() -> Parser:
    """Options of the command."""
    parser = command_parser("evaluate", __doc__)
    parser.add_argument("checkpoint", type=Path, nargs="?", help="run folder of training")
    parser.add_argument("--images", metavar="FOLDER", help="measure these images in place of a model's")
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help="folder of the report (CHECKPOINT/evaluation)")
    parser.add_argument("--data", metavar="SOURCE", help="images to compare with (those of training)")
    parser.add_argument("--count", type=int, default=1024, help="samples; FID is usual at 50000 (%(default)s)")
    parser.add_argument("--first-seed", type=int, default=0, metavar="N", help="of the samples (%(default)s)")
    parser.add_argument("--latents", choices=("prior", "oracle", "null"), default="prior", help="(%(default)s)")
    parser.add_argument("--weights", default="", metavar="FILE", help="Inception weights of torch-fidelity, for FID")
    parser.add_argument(
        "--reference", default="", metavar="NPZ", help="moments of the real images (mu, sigma), as EDM publishes them"
    )
    parser.add_argument("--write-reference", type=Path, metavar="NPZ", help="only write the moments of --data")
    parser.add_argument(
        "--by-steps", type=int, nargs="*", default=[], metavar="N", help="distance at these numbers of steps"
    )
    parser.add_argument(
        "--feature-steps",
        type=int,
        default=600,
        metavar="N",
        help="training of the classifier, where no weights are given",
    )
    add_sampling_options(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Measure, and print the numbers."""
    from disco_dock.runtime.config import from_dict
    from disco_dock.runtime.device import resolve_device
    from disco_dock.runtime.distributed import process_group, processes
    from disco_dock.runtime.errors import ConfigError
    from disco_dock.runtime.log import setup_logging
    from disco_image.cli.progress import watch_of
    from disco_image.metrics.report import compare_sets, reference_of
    from disco_image.metrics.samples import EvaluateConfig
    from disco_image.metrics.statistics import write_reference

    if args.checkpoint is None and args.data is None:
        raise ConfigError(
            "give a run folder to measure, or --data SOURCE with --images FOLDER or --write-reference NPZ"
        )
    names = ("count", "first_seed", "latents", "weights", "reference", "by_steps", "feature_steps")
    config = from_dict(EvaluateConfig, {name: getattr(args, name) for name in names}, where="settings")
    with process_group(args.device) as device_name:
        group = processes()
        setup_logging(1 if group.first else 0)
        device = resolve_device(device_name)
        progress = watch_of(group.first)
        if args.write_reference is not None:
            with opened(args.data, args.batch_size) as images:
                moments = reference_of(images, config, device, progress)
            if group.first:
                write_reference(args.write_reference, moments)
                print(f"reference: {args.write_reference}")
            return 0
        if args.images is not None:
            with opened(args.images, args.batch_size) as made, opened(args.data, args.batch_size) as images:
                report, where = compare_sets(made, images, config, device, progress), None
        else:
            report, where = _measure(args, config, device, progress)
        if group.first:
            for name, value in report.items():
                if not isinstance(value, (list, dict)):
                    print(f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}")
            if where is not None:
                print(f"report: {where}")
    return 0


def _measure(args: argparse.Namespace, config, device, progress) -> tuple[dict, Path]:
    """The report of a checkpoint and its file."""
    from disco_image.metrics.report import evaluate_images
    from disco_image.models.checkpoint import load_models

    sampling = sampling_settings(args)
    models = load_models(args.checkpoint, device, with_encoder=True)
    source, crop = images_of_run(args.checkpoint, args.data)
    out = args.out or args.checkpoint / "evaluation"
    with opened(source, args.batch_size, models.config.resolution, crop) as images:
        return evaluate_images(models, images, sampling, config, out, progress), out / "report.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of a command line."""
    return run_command(build_parser, run, argv)


if __name__ == "__main__":
    sys.exit(main())
