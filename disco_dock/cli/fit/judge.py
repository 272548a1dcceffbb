"""Fit the judge of minimised poses, which ranks by consensus and gives P(RMSD < 2 Å), and store it.

Docks each complex once, into OUT/train.jsonl and OUT/validation.jsonl; an interrupted run continues from there. The
judge is fitted on the training complexes alone and measured on the validation complexes; without --train it is fitted
on the validation complexes and measured by cross-validation, as it must be where networks know the training complexes
by heart. Writes it into config.json of the checkpoint, and OUT/ranking.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from disco_dock.cli.parsing import UsageError
from disco_dock.physics.settings import RANKINGS

if TYPE_CHECKING:
    from disco_dock.evaluation.fit.pose_rows import PoseRow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `fit judge`."""
    parser.add_argument("--checkpoint", type=Path, metavar="DIR", help="gets the judge; the bundled one by default")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the complexes")
    parser.add_argument("--train", type=Path, metavar="FILE", help="ids of training complexes; none to cross-validate")
    parser.add_argument("--validation", type=Path, required=True, metavar="FILE", help="ids to measure on")
    parser.add_argument(
        "--held-out",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="more ids never to fit on; repeatable",
    )
    parser.add_argument("--one-per-cluster", type=Path, metavar="CSV", help="manifest; take one complex of a cluster")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="docked complexes and results")
    parser.add_argument("--count", type=int, metavar="N", default=150, help="training complexes (%(default)s)")
    parser.add_argument("--evidence", nargs="+", metavar="NAME", help="what the judge looks at; the best by default")
    parser.add_argument("--num-poses", type=int, metavar="N", default=40, help="poses per complex (%(default)s)")
    parser.add_argument("--search-moves", type=int, metavar="N", help="the checkpoint's by default")
    parser.add_argument("--restarts", type=int, metavar="N", help="searches more of each pose; the checkpoint's")
    parser.add_argument("--finalists", type=int, metavar="N", help="places to search further; the checkpoint's")
    parser.add_argument("--rank-by", choices=RANKINGS, help="also make this the checkpoint's ranking")
    parser.add_argument("--seed", type=int, metavar="N", default=0, help="random seed (%(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Dock, fit, measure, write the config, and print the tables."""
    from disco_dock.cli.console import text_table
    from disco_dock.docking.engine import load_engine
    from disco_dock.evaluation.fit.ablation import ablation_table
    from disco_dock.evaluation.fit.ranking import RankingSettings, fit_ranking
    from disco_dock.ranking.evidence import EVIDENCE

    unknown = [name for name in args.evidence or () if name not in EVIDENCE]
    if unknown:
        raise UsageError(f"--evidence has no {unknown[0]!r}; choose from {', '.join(EVIDENCE)}")
    settings = RankingSettings(
        data=args.data,
        train=args.train,
        validation=args.validation,
        out=args.out,
        held_out=tuple(args.held_out),
        manifest=args.one_per_cluster,
        count=args.count,
        evidence=None if args.evidence is None else tuple(args.evidence),
        num_poses=args.num_poses,
        moves=args.search_moves,
        restarts=args.restarts,
        finalists=args.finalists,
        rank_by=args.rank_by,
        seed=args.seed,
    )
    found = fit_ranking(load_engine(args.checkpoint, args.device), settings, on_row=_report)
    judge = found["judge"]
    print(f"fitted on {judge['poses']} poses of {judge['complexes']} complexes")
    for fit in judge["thresholds"]:
        terms = " ".join(map("{:+.3f} {}".format, fit["weights"], judge["evidence"]))
        print(f"logit P(RMSD < {fit['threshold']:g} Å) = {fit['intercept']:.3f} {terms}")
    losses = [[one, f"{loss:.4f}"] for one, loss in found["cross_validated_loss"].items()]
    print(text_table(("evidence", "cross-validated log loss, nat"), losses))
    print(text_table(*ablation_table(found["ablation"])))
    for one in found["reliability"]:
        print(
            f"P(RMSD < {one['threshold']:g} Å), {one['which']}: {one['poses']} poses of {one['complexes']} complexes, "
            f"ECE {one['ece']:.3f}, Brier {one['brier']:.3f} (a constant has {one['base_brier']:.3f})"
        )
    return 0


def _report(row: PoseRow, done: int, total: int) -> None:
    print(f"{done} of {total}: {row.id} {row.error or 'ok'}", flush=True)
