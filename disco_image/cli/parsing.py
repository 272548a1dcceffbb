"""What several commands share: their parser, the options of sampling, and the images that a run was trained on."""

from __future__ import annotations

import argparse
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disco_dock.runtime.command_line import Parser

if TYPE_CHECKING:
    from disco_image.data.batches import ImageBatches
    from disco_image.data.decode import Crop
    from disco_image.sampling.generate import SampleConfig

SCRIPT = "disco-image"


def command_parser(name: str, description: str | None) -> Parser:
    """Parser of a command, called as `disco-image NAME` or as `python -m disco_image.NAME`."""
    called = Path(sys.argv[0]).name == SCRIPT
    return Parser(prog=f"{SCRIPT} {name}" if called else f"python -m disco_image.{name}", description=description)


def add_sampling_options(parser: Parser, *, batch_size: int = 128) -> None:
    """Options of how samples are made."""
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
    parser.add_argument(
        "--batch-size", type=int, default=batch_size, help="images at once; does not change them (%(default)s)"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (%(default)s)")


def sampling_settings(
    args: argparse.Namespace, *, interval: tuple[float, float] | None = None, **more: Any
) -> SampleConfig:
    """Settings that the options of `add_sampling_options` name, with an interval of guided levels and others."""
    from disco_dock.runtime.config import apply_overrides, from_dict
    from disco_image.sampling.generate import SampleConfig
    from disco_image.sampling.solvers import solver_settings

    levels = {} if interval is None else dict(zip(("sigma_min", "sigma_max"), interval, strict=True))
    given = {
        "solver": solver_settings(args.solver, args.steps),
        "guidance": {"weight": args.guidance, **levels},
        "batch_size": args.batch_size,
        **more,
    }
    return from_dict(SampleConfig, apply_overrides(given, args.set), where="settings")


def images_of_run(run: Path, data: str | None) -> tuple[str, Crop]:
    """Source and crop of the images that a run was trained on, or of `data` where it is given.

    Raises:
        ConfigError: neither is known.
    """
    from disco_dock.runtime.config import read_yaml
    from disco_dock.runtime.errors import ConfigError

    if data is not None:
        return data, "edm"
    settings = run / "settings.yaml"
    if not settings.is_file():
        raise ConfigError(f"{settings}: no such file, so the images of training are not known; give --data")
    found = read_yaml(settings)["data"]
    return found["source"], found.get("crop", "edm")


def opened(
    source: str, batch_size: int, resolution: int = 0, crop: Crop = "edm"
) -> AbstractContextManager[ImageBatches]:
    """A context with the images of a source."""
    from contextlib import closing

    from disco_image.data.batches import ImageBatches
    from disco_image.data.open_source import open_source

    return closing(ImageBatches(open_source(source, resolution, crop), batch_size=batch_size, seed=0))
