"""Fit the judge of minimised poses, which ranks by consensus and gives P(RMSD < 2 Angstrom), and store it.

    python scripts/fit_ranking.py --checkpoint CHECKPOINT --data COMPLEXES --train TRAIN_IDS --validation VAL_IDS \
        -o OUT [--held-out TEST_IDS] [--one-per-cluster MANIFEST] [--count 150] [--search-moves N] \
        [--restarts N] [--finalists N] [--rank-by consensus]

Complexes are docked once, into OUT/train.jsonl and OUT/validation.jsonl; a run that was stopped goes on. The judge is
fitted on the training complexes alone and measured on the validation complexes. Writes the judge into the checkpoint's
config.json, and OUT/ranking.json.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from disco_dock.cli.console import text_table
from disco_dock.docking.engine import load_engine
from disco_dock.evaluation.fit.ablation import ablation_table
from disco_dock.evaluation.fit.pose_rows import PoseRow
from disco_dock.evaluation.fit.ranking import RankingSettings, fit_ranking
from disco_dock.physics.settings import RANKINGS
from disco_dock.ranking.evidence import EVIDENCE
from disco_dock.runtime.errors import DiscoError
from disco_dock.weights.networks import bundled_checkpoint


def main() -> int:
    """Dock, fit, measure, write the config, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, help="folder; the bundled one by default")
    parser.add_argument("--data", type=Path, required=True, help="folder of the complexes")
    parser.add_argument("--train", type=Path, required=True, help="ids of training complexes")
    parser.add_argument("--validation", type=Path, required=True, help="ids to measure on")
    parser.add_argument("--held-out", type=Path, action="append", default=[], help="further ids never to fit on")
    parser.add_argument("--one-per-cluster", type=Path, metavar="CSV", help="manifest; take one complex of a cluster")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=150, help="training complexes")
    parser.add_argument("--evidence", nargs="+", choices=list(EVIDENCE), help="what the judge looks at")
    parser.add_argument("--num-poses", type=int, default=40)
    parser.add_argument("--search-moves", type=int, help="the checkpoint's by default")
    parser.add_argument("--restarts", type=int, help="further searches of each pose; the checkpoint's by default")
    parser.add_argument("--finalists", type=int, help="places that are searched further; the checkpoint's by default")
    parser.add_argument("--rank-by", choices=RANKINGS, help="also make this the checkpoint's ranking")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
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
    try:
        found = fit_ranking(load_engine(args.checkpoint or bundled_checkpoint(), args.device), settings, on_row=_report)
    except DiscoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    judge = found["judge"]
    print(f"fitted on {judge['poses']} poses of {judge['complexes']} training complexes")
    for fit in judge["thresholds"]:
        terms = " ".join(map("{:+.3f} {}".format, fit["weights"], judge["evidence"]))
        print(f"logit P(RMSD < {fit['threshold']:g} Å) = {fit['intercept']:.3f} {terms}")
    losses = [[one, f"{loss:.4f}"] for one, loss in found["cross_validated_loss"].items()]
    print(text_table(("evidence", "cross-validated log loss on training complexes, nat"), losses))
    print(text_table(*ablation_table(found["ablation"])))
    for one in found["reliability"]:
        print(
            f"P(RMSD < {one['threshold']:g} Å), {one['which']}: {one['poses']} poses of {one['complexes']} complexes, "
            f"ECE {one['ece']:.3f}, Brier {one['brier']:.3f} (a constant has {one['base_brier']:.3f})"
        )
    return 0


def _report(row: PoseRow, done: int, total: int) -> None:
    print(f"{done} of {total}: {row.id} {row.error or 'ok'}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
