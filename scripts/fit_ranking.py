"""Fit the judge of minimised poses, which ranks by consensus and gives P(RMSD < 2 Angstrom), and store it.

    python scripts/fit_ranking.py --checkpoint CHECKPOINT --data COMPLEXES --train TRAIN_IDS --validation VAL_IDS \
        -o OUT [--held-out TEST_IDS] [--one-per-cluster MANIFEST] [--count 150] [--search-moves N] [--rank-by consensus]

Complexes are docked once, into OUT/train.jsonl and OUT/validation.jsonl; a run that was stopped goes on. The judge is
fitted on the training complexes alone and measured on the validation complexes; no id may be in both, nor in a file
that is given as held out. Writes the judge into the checkpoint's config.json, and OUT/ranking.json.
"""

from __future__ import annotations

import argparse
import random
import sys
from dataclasses import asdict, replace
from pathlib import Path

from disco_dock.cli.console import text_table
from disco_dock.data.sources import read_ids
from disco_dock.evaluation.ablation import ablation, ablation_table
from disco_dock.evaluation.cases import FileCases
from disco_dock.evaluation.judge_fit import cross_validated, fit_judge, judge_reliability, log_loss
from disco_dock.evaluation.pose_rows import PoseRow, dock_rows
from disco_dock.evaluation.strata import read_manifest
from disco_dock.models.build import bundled_checkpoint, write_config
from disco_dock.models.physics_settings import RANKINGS, PhysicsChoice
from disco_dock.models.pose_evidence import EVIDENCE
from disco_dock.models.pose_judge import HowMade
from disco_dock.pipeline.engine import docking_settings, load_engine
from disco_dock.pipeline.request import PredictSettings
from disco_dock.pipeline.tables import write_json
from disco_dock.runtime.errors import DiscoError

CHOSEN = ("energy_per_atom", "energy_gap", "lead", "agreement", "basin", "log_atoms")


def main() -> int:
    """Dock, fit, measure and write the config."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, help="folder; the bundled one by default")
    parser.add_argument("--data", type=Path, required=True, help="folder of the complexes")
    parser.add_argument("--train", type=Path, required=True, help="ids of training complexes")
    parser.add_argument("--validation", type=Path, required=True, help="ids to measure on")
    parser.add_argument("--held-out", type=Path, action="append", default=[], help="further ids never to fit on")
    parser.add_argument("--one-per-cluster", type=Path, metavar="CSV", help="manifest; take one complex of a cluster")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=150, help="training complexes")
    parser.add_argument("--evidence", nargs="+", choices=list(EVIDENCE), default=list(CHOSEN))
    parser.add_argument("--num-poses", type=int, default=40)
    parser.add_argument("--search-moves", type=int, help="the checkpoint's by default")
    parser.add_argument("--rank-by", choices=RANKINGS, help="also make this the checkpoint's ranking")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    try:
        _fit(args)
    except DiscoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _fit(args: argparse.Namespace) -> None:
    checkpoint = args.checkpoint or bundled_checkpoint()
    engine = load_engine(checkpoint, args.device)
    config = engine.models.config
    physics = PhysicsChoice(minimize="vina", moves=args.search_moves, rank_by=args.rank_by).over(config.physics)
    settings = docking_settings(engine.models, PredictSettings(num_poses=args.num_poses, seed=args.seed), None)
    validation = read_ids(args.validation)
    held_out = {*validation, *(name for file in args.held_out for name in read_ids(file))}
    training = _chosen(read_ids(args.train), args.one_per_cluster, args.count)
    args.out.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[PoseRow]] = {}
    for name, ids in (("validation", validation), ("train", training)):
        cases = FileCases(args.data, ids, seed=args.seed, lm_dim=config.lm_dim)
        rows[name] = dock_rows(engine, cases, settings, physics, args.out / f"{name}.jsonl", on_row=_report)
    made = HowMade(
        num_poses=args.num_poses, steps=settings.sampler.steps, minimize=physics.minimize, moves=physics.moves
    )
    names = tuple(args.evidence)
    judge = fit_judge(rows["train"], names, made, held_out=held_out)
    docked = [row for row in rows["train"] if row.rmsd]
    loss = log_loss(docked, cross_validated(docked, names))
    judge = replace(judge, reliability=judge_reliability(judge, rows["validation"], physics.rank_by))
    found = ablation(rows["validation"], judge)
    write_json(args.out / "ranking.json", {"judge": asdict(judge), "cross_validated_loss": loss, "ablation": found})
    write_config(checkpoint, replace(config, pose_judge=judge, physics=physics))
    print(f"cross-validated log loss on {len(docked)} training complexes: {loss:.4f}")
    for fit in judge.thresholds:
        print(f"{fit.threshold:g} Å: {fit.intercept:.3f}", *map("{:+.3f} {}".format, fit.weights, names))
    for one in judge.reliability:
        print(
            f"{one.threshold:g} Å, {one.which}: {one.poses} poses, ECE {one.ece:.3f}, Brier {one.brier:.3f} "
            f"(constant {one.base_brier:.3f})"
        )
    print(text_table(*ablation_table(found)))


def _chosen(ids: list[str], manifest: Path | None, count: int) -> list[str]:
    """Training ids in a fixed random order, at most one of each cluster, as many as asked for."""
    mixed = random.Random(0).sample(sorted(ids), len(ids))
    if manifest is not None:
        cluster = read_manifest(manifest, ids).cluster
        mixed = list({cluster.get(name, name): name for name in reversed(mixed)}.values())[::-1]
    return mixed[:count]


def _report(row: PoseRow, done: int, total: int) -> None:
    print(f"{done} of {total}: {row.id} {row.error or 'ok'}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
