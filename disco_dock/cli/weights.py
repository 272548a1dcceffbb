"""`disco-dock weights`: published weights to a checkpoint folder of this package; a pose expert by itself."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `weights`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    convert = actions.add_parser("import", help="convert a folder with model_parameters.yml and a .pt file")
    convert.add_argument("published", metavar="PUBLISHED_DIR", help="folder with model_parameters.yml and a .pt file")
    convert.add_argument("out", metavar="OUT", help="checkpoint folder to write")
    extract = actions.add_parser(
        "extract-expert",
        help="the pose expert of a checkpoint alone, in half precision, on top of the bundled checkpoint",
    )
    extract.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="folder, such as RUN/checkpoint")
    extract.add_argument("out", type=Path, metavar="OUT", help="checkpoint folder to write")


def run(args: argparse.Namespace) -> int:
    """Convert or extract the weights."""
    if args.action == "extract-expert":
        from disco_dock.weights.networks import extract_expert

        size = extract_expert(args.checkpoint, args.out)
        print(
            f"pose expert of {size / 1e6:.2f} MB in {args.out}; dock with: disco-dock predict --checkpoint {args.out}"
        )
        return 0
    from disco_dock.weights.published.folder import import_published

    import_published(Path(args.published), Path(args.out))
    print(f"checkpoint written to {args.out}; dock with: disco-dock predict --checkpoint {args.out} ...")
    return 0
