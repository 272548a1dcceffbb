"""Prepare images once: crop, resize and store them as one zip with labels, as EDM reads it.

Training then neither decodes large photographs nor resizes them again. Class folders and `dataset.json` become labels.
The same images give the same bytes.
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

TRANSFORMS: dict[str, Crop] = {"center-crop": "edm", "center-crop-dhariwal": "dhariwal"}


def build_parser() -> Parser:
    """Options of the command."""
    parser = command_parser("dataset", __doc__)
    parser.add_argument("--source", required=True, help="folder, zip, CIFAR-10 tarball or IDX file")
    parser.add_argument("--dest", type=Path, required=True, metavar="ZIP", help="zip to write")
    parser.add_argument(
        "--resolution",
        type=parse_size,
        default=0,
        metavar="N",
        help="of the images, 64 or 64x64 (that of the first one)",
    )
    parser.add_argument("--max-images", type=int, default=0, metavar="N", help="only N of them, evenly spaced (all)")
    parser.add_argument(
        "--transform",
        choices=tuple(TRANSFORMS),
        default="center-crop",
        help="square, then Lanczos, as EDM and its FID references; or ADM's box and bicubic filters (%(default)s)",
    )
    parser.add_argument("--workers", type=int, default=4, metavar="N", help="threads (%(default)s)")
    return parser


def run(args: argparse.Namespace) -> int:
    """Write the zip."""
    from disco_dock.runtime.errors import ConfigError
    from disco_image.cli.progress import Progress
    from disco_image.data.open_source import open_source
    from disco_image.data.write_zip import write_zip

    if args.dest.suffix != ".zip":
        raise ConfigError(f"--dest {args.dest}: give a name that ends in .zip")
    if min(args.resolution, args.max_images) < 0 or args.workers < 1:
        raise ConfigError("--resolution and --max-images must not be negative, and --workers at least 1")
    source = open_source(args.source, args.resolution, TRANSFORMS[args.transform])
    info = source.info
    count = min(args.max_images or info.count, info.count)
    chosen = [place * info.count // count for place in range(count)]
    with Progress("dataset", "images", count) as progress:
        write_zip(source, args.dest, chosen, workers=args.workers, advance=progress.advance)
    labels = f"{len(info.classes)} classes" if info.classes else "no labels"
    print(f"{args.dest}: {count} images of {info.channels} x {info.resolution} x {info.resolution}, {labels}")
    return 0


def parse_size(text: str) -> int:
    """A resolution such as ``64`` or, as EDM's tool has it, ``64x64``; an argparse type."""
    first, _, second = text.partition("x")
    if not first.isdecimal() or second not in ("", first):
        raise argparse.ArgumentTypeError(f"expected a resolution such as 64 or 64x64, found {text!r}")
    return int(first)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of a command line."""
    return run_command(build_parser, run, argv)


if __name__ == "__main__":
    sys.exit(main())
