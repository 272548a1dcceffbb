"""`disco-dock rescore`: scores, checks and interactions of poses that another program, or a crystal, gave."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from disco_dock.cli.options import add_groups
from disco_dock.cli.parsing import UsageError, names
from disco_dock.ranking.pose_scores import given_rankings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `rescore`."""
    parser.usage = "disco-dock rescore --protein FILE --poses FILE [FILE ...] [-o DIR] [options]"
    hidden = argparse.SUPPRESS
    inputs = parser.add_argument_group("inputs")
    inputs.add_argument("--protein", metavar="FILE", required=True, help="PDB or mmCIF file, also .gz")
    inputs.add_argument(
        "--poses",
        metavar="FILE",
        nargs="+",
        required=True,
        help="SDF, MOL2 or PDBQT file of poses, or PDB or mmCIF file of a complex, in the protein's frame",
    )
    inputs.add_argument(
        "--ligand",
        metavar="FILE|SMILES",
        default=hidden,
        help="the molecule: bond orders for PDB, mmCIF and most PDBQT files, and the stereo that poses should have",
    )
    inputs.add_argument(
        "--group", metavar="NAME", default="", help="residue of the ligand in a complex, such as B:LIG1"
    )
    inputs.add_argument(
        "--reference",
        metavar="FILE",
        default=hidden,
        help="known pose of the ligand: adds each pose's RMSD, LDDT-PLI and share of its contacts",
    )
    inputs.add_argument("--chains", type=names, metavar="A,B", default=hidden, help="keep only these receptor chains")
    add_groups(inputs)
    inputs.add_argument(
        "--largest-fragment", action="store_true", help="keep the largest fragment of a salt or mixture"
    )
    scoring = parser.add_argument_group("scoring")
    scoring.add_argument(
        "--minimize",
        nargs="?",
        choices=("vina", "mmff", "none"),
        const="vina",
        default="none",
        help="move each pose to the nearest minimum of Vina's energy, or of MMFF94s in the fixed pocket, first",
    )
    scoring.add_argument(
        "--search-moves",
        type=int,
        metavar="N",
        default=0,
        help="Monte-Carlo steps around each pose with --minimize",
    )
    scoring.add_argument("--seed", type=int, metavar="N", default=0, help="random seed of these steps (%(default)s)")
    scoring.add_argument(
        "--rank-by",
        choices=given_rankings(),
        default=hidden,
        help="contact score (default), Vina energy, GNINA's network (cnn) or its logit with the contact score (fused)",
    )
    scoring.add_argument(
        "--check-poses",
        type=int,
        metavar="N",
        default=hidden,
        help="best-ranked poses that PoseBusters checks, 0 for none (all, where it is installed)",
    )
    running = parser.add_argument_group("running")
    running.add_argument("-o", "--out", metavar="DIR", default="disco-dock-rescored", help="folder (%(default)s)")
    running.add_argument(
        "--checkpoint", metavar="DIR", default=hidden, help="another checkpoint folder; the bundled one by default"
    )
    running.add_argument("--report", action="store_true", help="write report.html, which opens offline in any browser")
    running.add_argument("--pymol", action="store_true", help="write view.pml, a script for PyMOL")
    running.add_argument("--chimerax", action="store_true", help="write view.cxc, a script for ChimeraX")
    running.add_argument("-v", "--verbose", action="count", default=0, help="say more; twice for debugging")


def run(args: argparse.Namespace) -> int:
    """Rescore all poses; 1 when a record was none."""
    given = vars(args)

    from disco_dock.chem.ligands.read_ligand import read_ligand
    from disco_dock.chem.ligands.read_poses import read_poses
    from disco_dock.cli.console import Console
    from disco_dock.cli.options import group_choice, quiet_libraries
    from disco_dock.docking.engine import load_engine
    from disco_dock.docking.rescore import RescoreSettings
    from disco_dock.docking.runs.rescore import rescore_run
    from disco_dock.runtime.errors import ConfigError
    from disco_dock.runtime.log import setup_logging

    setup_logging(args.verbose)
    quiet_libraries(args.verbose)
    try:
        settings = RescoreSettings(
            minimize=args.minimize,
            search_moves=args.search_moves,
            rank_by=given.get("rank_by"),
            seed=args.seed,
            groups=group_choice(given),
            chains=given.get("chains"),
            check_poses=given.get("check_poses"),
            reference=Path(args.reference) if "reference" in given else None,
        )
    except ConfigError as error:
        raise UsageError(str(error)) from error
    ligand = read_ligand(args.ligand, largest_fragment=args.largest_fragment) if "ligand" in given else None
    files, out = list(map(Path, args.poses)), Path(args.out)
    read = read_poses(files, ligand=ligand, group=args.group, largest_fragment=args.largest_fragment)
    engine = load_engine(Path(args.checkpoint) if "checkpoint" in given else None, "cpu")
    single = len(read[0]) == 1
    if settings.reference is not None and not single:
        raise UsageError(f"--reference is the pose of one ligand, and the poses are of {len(read[0])}; leave it out")
    with Console(batch=not single) as console:
        rows = rescore_run(engine, settings, Path(args.protein), read, files, out, console)
    console.print_results(out, rows[:1] if single else rows, report=args.report)
    for one in read[1] if single else ():
        print(f"disco-dock: not rescored: {one.message}", file=sys.stderr)
    if args.report or args.pymol or args.chimerax:
        from disco_dock.cli.report import write_views

        write_views(out, report=args.report, pymol=args.pymol, chimerax=args.chimerax)
    return int(bool(read[1]))
