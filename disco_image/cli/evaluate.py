"""Measure a trained model against its images: distances, loss, curvature and Jacobian by noise level, use of codes.

With --images, the distances of any folder or zip of images to --data. torchrun shares images and samples among its
processes; both are measured a part at a time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from disco_dock.runtime.command_line import Parser, run_command
from disco_image.cli.parsing import command_parser

if TYPE_CHECKING:
    from disco_image.data.decode import Crop


def build_parser() -> Parser:
    """Options of the command."""
    parser = command_parser("evaluate", __doc__)
    parser.add_argument("checkpoint", type=Path, nargs="?", help="run folder of training")
    parser.add_argument("--images", metavar="FOLDER", help="measure these images in place of a model's")
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help="folder of the report (CHECKPOINT/evaluation)")
    parser.add_argument("--data", metavar="SOURCE", help="images to compare with (those of training)")
    parser.add_argument("--count", type=int, default=1024, help="samples; FID is usual at 50000 (%(default)s)")
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
    parser.add_argument("--guidance", type=float, default=0.0, metavar="W", help="D_z + W (D_z - D_null) (%(default)s)")
    parser.add_argument(
        "--solver",
        default="heun",
        help="heun, euler, churn, restart, ancestral or the published restart-imagenet64 (%(default)s)",
    )
    parser.add_argument("--steps", type=int, help="levels of the grid (18, or those of a published solver)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="of sampling, such as solver.churn=20"
    )
    parser.add_argument("--batch-size", type=int, default=128, help="images at once (%(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (%(default)s)")
    return parser


def run(args: argparse.Namespace) -> int:
    """Measure, and print the numbers."""
    from contextlib import contextmanager

    from disco_dock.runtime.config import from_dict
    from disco_dock.runtime.device import resolve_device
    from disco_dock.runtime.distributed import process_group, processes
    from disco_dock.runtime.errors import ConfigError
    from disco_dock.runtime.log import setup_logging
    from disco_image.cli.progress import Progress
    from disco_image.metrics.report import EvaluateConfig, compare_sets, reference_of
    from disco_image.metrics.statistics import write_reference

    if args.checkpoint is None and args.data is None:
        raise ConfigError(
            "give a run folder to measure, or --data SOURCE with --images FOLDER or --write-reference NPZ"
        )
    names = ("count", "latents", "weights", "reference", "by_steps", "feature_steps")
    config = from_dict(EvaluateConfig, {name: getattr(args, name) for name in names}, where="settings")
    with process_group(args.device) as device_name:
        group = processes()
        setup_logging(1 if group.first else 0)
        device = resolve_device(device_name)

        @contextmanager
        def progress(what: str, total: int):
            with Progress(what, "images", total, silent=not group.first) as shown:
                yield shown.advance

        if args.write_reference is not None:
            with _images(args, args.data) as images:
                moments = reference_of(images, config, device, progress)
            if group.first:
                write_reference(args.write_reference, moments)
                print(f"reference: {args.write_reference}")
            return 0
        if args.images is not None:
            with _images(args, args.images) as made, _images(args, args.data) as images:
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


def _images(args: argparse.Namespace, source: str, resolution: int = 0, crop: Crop = "edm"):
    """A context with the images of a source."""
    from contextlib import closing

    from disco_image.data.batches import ImageBatches
    from disco_image.data.open_source import open_source

    return closing(ImageBatches(open_source(source, resolution, crop), batch_size=args.batch_size, seed=0))


def _measure(args: argparse.Namespace, config, device, progress) -> tuple[dict, Path]:
    """The report of a checkpoint and its file."""
    from disco_dock.runtime.config import apply_overrides, from_dict, read_yaml
    from disco_dock.runtime.errors import ConfigError
    from disco_image.metrics.report import evaluate_images
    from disco_image.models.checkpoint import load_models
    from disco_image.sampling.generate import SampleConfig
    from disco_image.sampling.solvers import solver_settings

    given = {
        "solver": solver_settings(args.solver, args.steps),
        "guidance": {"weight": args.guidance},
        "batch_size": args.batch_size,
    }
    sampling = from_dict(SampleConfig, apply_overrides(given, args.set), where="settings")
    models = load_models(args.checkpoint, device, with_encoder=True)
    source, crop, settings = args.data, "edm", args.checkpoint / "settings.yaml"
    if source is None:
        if not settings.is_file():
            raise ConfigError(f"{settings}: no such file, so the images of training are not known; give --data")
        data = read_yaml(settings)["data"]
        source, crop = data["source"], data.get("crop", "edm")
    out = args.out or args.checkpoint / "evaluation"
    with _images(args, source, models.config.resolution, crop) as images:
        return evaluate_images(models, images, sampling, config, out, progress), out / "report.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of a command line."""
    return run_command(build_parser, run, argv)


if __name__ == "__main__":
    sys.exit(main())
