"""Fit the contact score, which ranks minimised poses, and store it in a checkpoint.

Searches the pocket of each complex and its other pockets; the poses go to OUT/decoys (about 1 s of processor time for
each complex), and an interrupted run continues from there. After a first fit, searches again, and fits anew with the
poses that the first score likes best (OUT/tempting, about 2 s for each). Complexes need side chains. Writes
contacts.safetensors and config.json of the checkpoint, and OUT/contacts.json. Fit the judge anew afterwards
(disco-dock fit judge).
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `fit contacts`."""
    parser.add_argument("--checkpoint", type=Path, required=True, metavar="DIR", help="gets the contact score")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the complexes")
    parser.add_argument("--train", type=Path, required=True, metavar="FILE", help="ids of training complexes")
    parser.add_argument("--clusters", type=Path, required=True, metavar="CSV", help="manifest of their clusters")
    parser.add_argument(
        "--held-out", type=Path, action="append", default=[], metavar="FILE", help="ids never to fit on; repeatable"
    )
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="poses and results")
    parser.add_argument("--epochs", type=int, metavar="N", help="passes over the complexes")
    parser.add_argument("--rounds", type=int, choices=(1, 2), default=2, help="1 for the first fit alone (%(default)s)")
    parser.add_argument(
        "--own-first-round", action="store_true", help="take the checkpoint's contact score for that of the first fit"
    )
    parser.add_argument("--seed", type=int, metavar="N", default=0, help="of the fit (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Dock, fit, write the checkpoint, and print how the score ranks clusters that a member did not see."""
    from disco_dock.cli.console import text_table
    from disco_dock.evaluation.fit.contact_score import ContactSettings, fit_contact_score
    from disco_dock.evaluation.fit.contact_training import ContactFitSettings
    from disco_dock.weights.networks import load_models

    given = {} if args.epochs is None else {"epochs": args.epochs}
    settings = ContactSettings(
        data=args.data,
        train=args.train,
        manifest=args.clusters,
        out=args.out,
        held_out=tuple(args.held_out),
        rounds=args.rounds,
        own_first_round=args.own_first_round,
        fit=ContactFitSettings(seed=args.seed, **given),
    )
    found = fit_contact_score(load_models(args.checkpoint), settings, report=_report)
    rows = [[name, *(f"{value:.1f} %" for value in row.values())] for name, row in found["unseen_clusters"].items()]
    print(text_table(("first < 2 Å", "Vina energy", "contact score, cluster unseen", "oracle"), rows))
    return 0


def _report(line: str) -> None:
    print(line, flush=True)
