"""`disco-dock fit contacts|judge|novelty`: what a checkpoint ranks and tells by, from docked complexes."""

from __future__ import annotations

import argparse
from importlib import import_module

ACTIONS = {
    "contacts": ("disco_dock.cli.fit.contacts", "fit the contact score, which ranks minimised poses"),
    "judge": ("disco_dock.cli.fit.judge", "fit the judge, which gives the consensus ranking and P(RMSD < 2 Å)"),
    "novelty": ("disco_dock.cli.fit.novelty", "store success rates by distance from the training set"),
}
"""Action: (module with `add_arguments(parser)` and `run(args) -> int`, one-line help)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `fit`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, (module, text) in ACTIONS.items():
        own = import_module(module)
        own.add_arguments(actions.add_parser(name, help=text, description=own.__doc__))


def run(args: argparse.Namespace) -> int:
    """Do the action."""
    return import_module(ACTIONS[args.action][0]).run(args)
