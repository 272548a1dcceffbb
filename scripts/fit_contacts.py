"""Fit the contact score, which ranks minimised poses, and store it in a checkpoint.

    python scripts/fit_contacts.py --checkpoint CHECKPOINT --data COMPLEXES --train TRAIN_IDS --clusters MANIFEST \
        -o OUT [--held-out IDS ...]

Complexes are docked once and searched around their crystal poses, into OUT/decoys (about 5 s of processor time each); a
run that was stopped goes on. Complexes need side chains. Writes contacts.safetensors and config.json of the checkpoint,
and OUT/contacts.json. Fit the judge anew afterwards (scripts/fit_ranking.py).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from disco_dock.cli.console import text_table
from disco_dock.docking.engine import load_engine
from disco_dock.evaluation.fit.contact_score import ContactSettings, fit_contact_score
from disco_dock.evaluation.fit.contact_training import ContactFitSettings
from disco_dock.runtime.errors import DiscoError


def main() -> int:
    """Make decoys, fit, write the checkpoint, and print how it ranks clusters that a member did not see."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder; gets the score")
    parser.add_argument("--data", type=Path, required=True, help="folder of the complexes")
    parser.add_argument("--train", type=Path, required=True, help="ids of training complexes")
    parser.add_argument("--clusters", type=Path, required=True, metavar="CSV", help="manifest of their clusters")
    parser.add_argument("--held-out", type=Path, action="append", default=[], help="ids never to fit on")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=ContactFitSettings().epochs)
    parser.add_argument("--seed", type=int, default=0, help="of the fit")
    parser.add_argument("--device", default="auto", help="for docking")
    args = parser.parse_args()
    settings = ContactSettings(
        data=args.data,
        train=args.train,
        manifest=args.clusters,
        out=args.out,
        held_out=tuple(args.held_out),
        fit=ContactFitSettings(epochs=args.epochs, seed=args.seed),
    )
    try:
        found = fit_contact_score(load_engine(args.checkpoint, args.device), settings, report=_report)
    except DiscoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    rows = [[name, *(f"{value:.1f} %" for value in row.values())] for name, row in found["unseen_clusters"].items()]
    print(text_table(("first < 2 Å", "Vina energy", "contact score, cluster unseen", "oracle"), rows))
    return 0


def _report(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
