"""`disco-dock evaluate`: dock complexes with known poses, measure every pose, and report beside Vina and Rustina."""

from __future__ import annotations

import argparse
from pathlib import Path

from disco_dock.cli.options import add_groups, add_physics, group_choice, physics_choice
from disco_dock.cli.parsing import UsageError
from disco_dock.ranking.pose_scores import rankings

PATH_ROOM = 40  # columns
BASELINES = tuple(f"{program}{where}" for program in ("vina", "rustina") for where in ("", "-blind", "-pocket"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of complexes as for `data build`, or shards (RMSD only: they hold no receptor atoms)",
    )
    parser.add_argument("--split", type=Path, metavar="FILE", help="ids to take, one per line; all by default")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="DIR", help="output folder; an interrupted run continues there"
    )
    parser.add_argument(
        "--checkpoint", type=Path, metavar="DIR", help="another checkpoint folder; the bundled one by default"
    )
    parser.add_argument("--num-poses", type=int, metavar="N", default=10, help="poses per complex (%(default)s)")
    parser.add_argument("--batch-size", type=int, metavar="N", default=10, help="poses at a time (%(default)s)")
    parser.add_argument("--steps", type=int, metavar="N", help="reverse diffusion steps; the checkpoint's by default")
    parser.add_argument("--seed", type=int, metavar="N", default=0, help="random seed (%(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (%(default)s)")
    parser.add_argument(
        "--check-poses", type=int, metavar="N", default=-1, help="best poses that PoseBusters tests; -1 all, 0 none"
    )
    parser.add_argument("--no-figures", action="store_true", help="write no PNG files")
    parser.add_argument(
        "--manifest", type=Path, metavar="CSV", help="id, cluster, inchikey, split: for seen and unseen proteins"
    )
    parser.add_argument(
        "--training-ids",
        type=Path,
        action="append",
        metavar="FILE",
        help="ids of the training set, instead of the manifest's",
    )
    parser.add_argument(
        "--baseline",
        choices=BASELINES,
        action="append",
        default=[],
        help="also run AutoDock Vina or Rustina in a box around the receptor, around the ligand, or both; repeatable",
    )
    parser.add_argument(
        "--baseline-effort",
        choices=("equal", "default"),
        action="append",
        default=[],
        help="equal CPU seconds (the default), or each program's own defaults (Vina: exhaustiveness 8, and 32); "
        "repeatable",
    )
    parser.add_argument(
        "--baseline-cpu-seconds",
        "--vina-cpu-seconds",
        type=float,
        metavar="S",
        help="processor time of each baseline per complex and box; by default that of our docking of the same complex",
    )
    parser.add_argument(
        "--pocket",
        action="store_true",
        help="also dock within 10 Angstrom of the centre of Vina's pocket box, as predict --pocket-center does",
    )
    add_groups(parser)
    add_physics(parser)
    parser.add_argument(
        "--also-rank-by",
        choices=rankings(),
        action="append",
        default=[],
        help="also measure the same poses in this order, beside --rank-by; repeatable",
    )
    parser.add_argument("-v", "--verbose", action="count", default=0, help="all rates; twice for debugging")


def run(args: argparse.Namespace) -> int:
    """Evaluate, going on where an earlier run stopped, and print the methods side by side."""
    from disco_dock.cli.evaluate_console import EvaluateConsole, blocks, compact, turned
    from disco_dock.cli.wording import count, tail, wrapped
    from disco_dock.evaluation.baselines import baselines_of
    from disco_dock.evaluation.report import leads, side_by_side
    from disco_dock.evaluation.run import EvaluationSettings, run_evaluation
    from disco_dock.runtime.errors import ConfigError
    from disco_dock.runtime.log import setup_logging

    if args.num_poses < 1 or args.batch_size < 1 or args.check_poses < -1:
        raise UsageError("--num-poses and --batch-size must be at least 1, and --check-poses -1 or more")
    if args.steps is not None and args.steps < 1:
        raise UsageError("--steps must be at least 1")
    if args.training_ids and args.manifest is None:
        raise UsageError("--training-ids has no effect without --manifest")
    efforts = tuple(dict.fromkeys(args.baseline_effort)) or ("equal",)
    if args.baseline_effort and not args.baseline:
        raise UsageError("--baseline-effort has no effect without --baseline")
    if args.baseline_cpu_seconds is not None and not (args.baseline and "equal" in efforts):
        raise UsageError("--baseline-cpu-seconds has no effect without --baseline and --baseline-effort equal")
    if args.baseline_cpu_seconds is not None and not 0 <= args.baseline_cpu_seconds < float("inf"):
        raise UsageError("--baseline-cpu-seconds must be a number of seconds, 0 or more")
    try:
        groups = group_choice(vars(args))
    except ConfigError as error:
        raise UsageError(str(error)) from error
    settings = EvaluationSettings(
        data=args.data,
        split=args.split,
        out=args.out,
        checkpoint=args.checkpoint,
        num_poses=args.num_poses,
        batch_size=args.batch_size,
        steps=args.steps,
        seed=args.seed,
        device=args.device,
        check_poses=args.check_poses,
        figures=not args.no_figures,
        manifest=args.manifest,
        training_ids=tuple(args.training_ids or ()),
        baselines=baselines_of(args.baseline),
        efforts=efforts,
        baseline_cpu_seconds=args.baseline_cpu_seconds,
        in_pocket=args.pocket,
        physics=physics_choice(vars(args)),
        rankings=tuple(dict.fromkeys(args.also_rank_by)),
        groups=groups,
    )

    setup_logging(args.verbose)
    headline = f"evaluating {tail(str(args.data), PATH_ROOM)}: {count(args.num_poses, 'pose')} of each complex"
    with EvaluateConsole(headline) as console:
        summary = run_evaluation(settings, on_row=console.row)
    print(blocks(*(side_by_side(summary) if args.verbose else compact(summary))))
    if args.baseline:
        print(f"\n{blocks(*turned(*leads(summary)))}")
        print(wrapped(f"budget: {summary['budget']}"))
    print(wrapped(f"in {args.out}: complexes.csv (every complex), summary.json (all rates), poses/"))
    if not args.verbose:
        print("next: the same command with -v prints all rates, and docks nothing again")
    return 0
