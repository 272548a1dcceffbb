"""`disco-dock data build`: training shards from a folder of complexes."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser("build", help="write compact shards from a folder of complexes")
    build.add_argument("source", type=Path, metavar="SOURCE", help="folder with one folder per complex")
    build.add_argument("out", type=Path, metavar="OUT", help="folder for the shards; a killed build goes on there")
    build.add_argument(
        "--split-file", type=Path, action="append", metavar="FILE", help="ids to take, one per line; may be repeated"
    )
    build.add_argument("--workers", type=int, metavar="N", default=2, help="processes (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Build the shards and print what came of it."""
    from disco_dock.data.build import build
    from disco_dock.data.sources import read_ids

    ids = None if not args.split_file else [name for file in args.split_file for name in read_ids(file)]

    def report(done: int, total: int) -> None:
        print(f"part {done} of {total}", flush=True)

    summary = build(args.source, args.out, ids=ids, workers=args.workers, on_part=report)
    print(f"{summary.complexes} complexes, {summary.failures} failures in {summary.parts} parts under {args.out}")
    return 0
