"""Two-dimensional experiments: plain, discrete-latent and continuous-latent diffusion, with a table and plots."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from disco_dock.runtime.command_line import Parser, run_command


def build_parser() -> Parser:
    """Options of the command."""
    parser = Parser(prog="python -m disco_image.toy", description=__doc__)
    parser.add_argument(
        "--distribution",
        default="ring",
        help="ring, uneven-ring, grid, checkerboard, moons, spiral or all (%(default)s)",
    )
    parser.add_argument("-o", "--out", type=Path, default=Path("runs/toy"), metavar="DIR", help="(%(default)s)")
    parser.add_argument("--seeds", type=int, default=5, help="models of each kind (%(default)s)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="such as training.steps=2000, vocab_size=25 or models=[plain,disco-paper]",
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Run the experiments and print their tables."""
    from disco_dock.runtime.config import apply_overrides, from_dict
    from disco_dock.runtime.log import setup_logging
    from disco_image.toy.densities import DENSITIES
    from disco_image.toy.run import ToyRunConfig, run_toy

    setup_logging(1)
    for name in DENSITIES if args.distribution == "all" else (args.distribution,):
        given = apply_overrides({"name": name, "seeds": args.seeds}, args.set)
        config = from_dict(ToyRunConfig, given, where="settings")
        print(f"\n{name}\n\n{run_toy(config, args.out / name)}\nplots: {args.out / name}", flush=True)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of a command line."""
    return run_command(build_parser, run, argv)


if __name__ == "__main__":
    sys.exit(main())
