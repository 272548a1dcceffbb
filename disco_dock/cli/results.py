"""`disco-dock results`: the ligands of a store, best first, on the screen or as a file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from disco_dock.cli.parsing import UsageError
from disco_dock.cli.wording import WIDTH, cut, say

if TYPE_CHECKING:
    from disco_dock.screening.ledger.query import Query, Results

SHOWN, DRAWN = 20, 24
STATUSES = ("docked", "unmet", "failed", "duplicate", "pending", "all")
COLUMNS = (
    "name",
    "status",
    "p_rmsd_under_2",
    "vina_score",
    "ligand_efficiency",
    "contact_score",
    "key_residues",
    "strain",
    "confidence",
    "p_rmsd_under_5",
    "trust",
    "clash_count",
    "pocket_distance",
    "stereo_kept",
    "num_poses",
    "heavy_atoms",
    "duplicate_of",
    "error_code",
    "message",
    "hint",
    "library",
    "position",
    "smiles",
    "state",
    "states",
    "interactions",
)
"""On the screen: what ranks a ligand first, where it came from last."""


HEADS = {
    "p_rmsd_under_2": "P(<2 A)",
    "p_rmsd_under_5": "P(<5 A)",
    "vina_score": "Vina",
    "ligand_efficiency": "LE",
    "contact_score": "contacts",
    "clash_count": "clashes",
}
DIGITS = {"vina_score": 1, "ligand_efficiency": 2, "contact_score": 2, "strain": 1, "confidence": 2}
"""Headings and decimals on the screen."""
MAX_NAME, SHOWN_RESIDUES = 24, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `results`."""
    parser.add_argument("file", type=Path, metavar="STORE", help="made by disco-dock screen; a run may be on")
    parser.add_argument(
        "--top", type=int, metavar="N", default=None, help=f"the best N ({SHOWN} on the screen, all in a file)"
    )
    parser.add_argument(
        "--status", choices=STATUSES, default="docked", help="(docked); unmet: docked without what the screen required"
    )
    parser.add_argument(
        "--sort",
        metavar="COLUMN",
        default=None,
        help="rank by this column, best first (vina_score, or confidence where there is none)",
    )
    parser.add_argument(
        "--min-score", type=float, metavar="X", default=None, help="leave out ligands with a worse value than X"
    )
    parser.add_argument(
        "--where", metavar="SQL", default=None, help='condition over the columns, such as "heavy_atoms < 30"'
    )
    parser.add_argument(
        "--require",
        metavar="WHAT",
        action="append",
        default=[],
        help="interaction that the best pose must have: hbond:A:MET793, or A:793 for any kind (repeatable)",
    )
    parser.add_argument(
        "--exclude", metavar="WHAT", action="append", default=[], help="interaction that it must not have (repeatable)"
    )
    parser.add_argument("--reverse", action="store_true", help="worst first")
    parser.add_argument(
        "--report",
        type=Path,
        nargs="?",
        const=Path(),
        metavar="FILE.html",
        default=None,
        help="write a page: distributions, the best ligands as drawings, scaffolds (STORE.html)",
    )
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", default=None, help="write .csv, .sdf or .parquet")
    parser.add_argument(
        "--poses", type=int, metavar="K", default=1, help="poses of each ligand in an SDF (%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Print or write the ligands."""
    from disco_dock.runtime.errors import ConfigError
    from disco_dock.screening.export import export
    from disco_dock.screening.ledger.query import Query, open_results

    if args.poses < 1:
        raise UsageError(f"--poses must be at least 1, not {args.poses}")
    try:
        query = Query(
            status=None if args.status == "all" else args.status,
            sort=args.sort,
            min_score=args.min_score,
            where=args.where,
            top=SHOWN if args.top is None and args.out is None else args.top,
            require=tuple(args.require),
            exclude=tuple(args.exclude),
            worst_first=args.reverse,
        )
        with open_results(args.file) as results:
            unmet = _unmet(args.file, results) if args.status == "docked" else ""  # a damaged store is refused first
            if args.report is not None:
                print(_report(args, query, results))
            if args.out is not None:
                print(f"{export(results, query, args.out, poses=args.poses)} ligands in {args.out}")
            elif args.report is None:
                print(_table(list(results.rows(query)), alike=args.status != "all", store=args.file))
    except ConfigError as error:
        raise UsageError(str(error)) from error
    if unmet:
        say(unmet)
    return 0


def _report(args: argparse.Namespace, query: Query, results: Results) -> str:
    """Write the page of a screen; returns what was written."""
    from disco_dock.cli.results_page import write_results_page

    path = args.report if args.report.name else args.file.with_suffix(".html")
    facts = write_results_page(results, query, path, best=DRAWN if args.top is None else args.top)
    return f"{len(facts.best)} of {len(facts.values)} ligands drawn in {path}"


def _unmet(store: Path, results: Results) -> str:
    """How many ligands are not shown, because no pose has the interactions that the screen asked for; "" for none."""
    from disco_dock.cli.screen_console import unmet_line

    unmet, docked = results.unmet()
    return unmet_line(unmet, docked, results.asked(), store) if unmet else ""


def _table(rows: list[dict], *, alike: bool, store: Path) -> str:
    """The rows without the columns that say nothing, numbers short; `alike` are those of one status."""
    from disco_dock.cli.console import text_table

    if not rows:
        return "no ligands"
    names = [name for name in COLUMNS if not (alike and name == "status")]
    columns = [name for name in names if any(row[name] not in (None, "") for row in rows)]
    dropped = 0
    while True:
        heads = [HEADS.get(name, name.replace("_", " ")) for name in columns]
        table = text_table(heads, [[_cell(name, row[name]) for name in columns] for row in rows])
        if len(columns) == 1 or max(map(len, table.splitlines())) <= WIDTH:
            break
        columns.pop()  # the last ones say where a ligand came from
        dropped += 1
    more = f"{dropped} more columns: disco-dock results {store} -o FILE.csv"
    return f"{table}\n{more}" if dropped else table


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if name == "key_residues":
        return " ".join(str(value).split()[:SHOWN_RESIDUES])
    if name == "name":
        return cut(str(value), MAX_NAME)
    if name.startswith("p_rmsd"):
        return f"{100 * float(str(value)):.0f} %"
    return f"{value:.{DIGITS.get(name, 3)}f}" if isinstance(value, float) else str(value)
