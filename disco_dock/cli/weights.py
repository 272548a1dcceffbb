"""`disco-dock weights import`: published weights to a checkpoint folder of this package."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `weights`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    convert = actions.add_parser("import", help="convert a folder with model_parameters.yml and a .pt file")
    convert.add_argument("published", metavar="PUBLISHED_DIR", help="folder with model_parameters.yml and a .pt file")
    convert.add_argument("out", metavar="OUT", help="checkpoint folder to write")


def run(args: argparse.Namespace) -> int:
    """Convert the weights."""
    from disco_dock.weights.published.folder import import_published

    import_published(Path(args.published), Path(args.out))
    print(f"checkpoint written to {args.out}; dock with: disco-dock predict --checkpoint {args.out} ...")
    return 0
