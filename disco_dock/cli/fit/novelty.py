"""Store beside a checkpoint how often docking succeeds by distance from the training set, from finished evaluations.

The checkpoint needs its training index (disco-dock data index). Each method of an evaluation that docked blindly with
this checkpoint is stored; rows of several evaluations of the same method are taken together. Prints a table.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `fit novelty`."""
    parser.add_argument(
        "evaluations", type=Path, nargs="+", metavar="EVALUATION", help="output folder of disco-dock evaluate"
    )
    parser.add_argument("--checkpoint", type=Path, required=True, metavar="DIR", help="gets novelty.json")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the complexes")
    parser.add_argument(
        "--source", required=True, metavar="TEXT", help="which complexes these are, in words for the user"
    )
    parser.add_argument(
        "--evaluated", type=Path, metavar="DIR", help="the same weights with the configuration of the evaluation"
    )


def run(args: argparse.Namespace) -> int:
    """Read the rows, find what is nearest in the training set, count, and write."""
    from disco_dock.cli.console import text_table
    from disco_dock.data.novelty import write_rates
    from disco_dock.evaluation.fit.novelty_rates import check_same_weights, measure_rates
    from disco_dock.weights.networks import checkpoint_sha256

    evaluated = args.evaluated or args.checkpoint
    check_same_weights(args.checkpoint, evaluated)
    rates = measure_rates(args.evaluations, args.checkpoint, checkpoint_sha256(evaluated), args.data, args.source)
    write_rates(args.checkpoint, rates)
    for one in rates.measured:
        print(f"{one.num_poses} poses, {one.physics}")
        rows = [[cell.protein, cell.ligand, cell.complexes, cell.under_2, cell.under_5] for cell in one.cells]
        head = ("chain identity", "ligand similarity", "complexes", "first < 2 Å", "first < 5 Å")
        print(text_table(head, [[str(value) for value in row] for row in rows]))
    return 0
