"""Measure a trained model against its images: distances, loss, curvature and Jacobian by noise level, use of codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from disco_dock.runtime.command_line import Parser, run_command
from disco_image.cli.parsing import command_parser


def build_parser() -> Parser:
    """Options of the command."""
    parser = command_parser("evaluate", __doc__)
    parser.add_argument("checkpoint", type=Path, help="run folder of training")
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help="folder of the report (CHECKPOINT/evaluation)")
    parser.add_argument("--data", metavar="SOURCE", help="images to compare with (those of training)")
    parser.add_argument("--count", type=int, default=1024, help="samples; FID is usual at 50000 (%(default)s)")
    parser.add_argument("--latents", choices=("prior", "oracle", "null"), default="prior", help="(%(default)s)")
    parser.add_argument("--weights", default="", metavar="FILE", help="Inception weights of torch-fidelity, for FID")
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
    from disco_dock.runtime.config import apply_overrides, from_dict, read_yaml
    from disco_dock.runtime.device import resolve_device
    from disco_dock.runtime.log import setup_logging
    from disco_image.data.batches import ImageBatches
    from disco_image.data.open_source import open_source
    from disco_image.metrics.report import EvaluateConfig, evaluate_images
    from disco_image.models.checkpoint import load_models
    from disco_image.sampling.generate import SampleConfig
    from disco_image.sampling.solvers import solver_settings

    setup_logging(1)
    given = {
        "solver": solver_settings(args.solver, args.steps),
        "guidance": {"weight": args.guidance},
        "batch_size": args.batch_size,
    }
    sampling = from_dict(SampleConfig, apply_overrides(given, args.set), where="settings")
    asked = {"count": args.count, "latents": args.latents, "weights": args.weights, "by_steps": args.by_steps}
    asked["feature_steps"] = args.feature_steps
    config = from_dict(EvaluateConfig, asked, where="settings")
    models = load_models(args.checkpoint, resolve_device(args.device), with_encoder=True)
    source = args.data
    if source is None:
        source = read_yaml(args.checkpoint / "settings.yaml")["data"]["source"]
    images = open_source(source, models.config.resolution)
    batches = ImageBatches(images, batch_size=args.batch_size, seed=0)
    out = args.out or args.checkpoint / "evaluation"
    try:
        report = evaluate_images(models, batches, sampling, config, out)
    finally:
        batches.close()
    for name, value in report.items():
        if not isinstance(value, (list, dict)):
            print(f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}")
    print(f"report: {out / 'report.json'}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of a command line."""
    return run_command(build_parser, run, argv)


if __name__ == "__main__":
    sys.exit(main())
