"""`disco-dock report`: a page that opens offline, and viewer scripts, from the results of `predict`."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `report`."""
    parser.add_argument(
        "folder", metavar="OUT_DIR", help="folder that disco-dock predict wrote (of one or many complexes)"
    )
    parser.add_argument("--pymol", action="store_true", help="also write view.pml, a script for PyMOL")
    parser.add_argument("--chimerax", action="store_true", help="also write view.cxc, a script for ChimeraX")
    parser.add_argument("--molviewspec", action="store_true", help="also write view.mvsj, a scene for Mol*")
    parser.add_argument(
        "--boltz", action="store_true", help="also write boltz.yaml, Boltz's input with the first pose's pocket"
    )


def run(args: argparse.Namespace) -> int:
    """Write the reports of all complexes of a folder."""
    write_views(Path(args.folder), report=True, pymol=args.pymol, chimerax=args.chimerax, molviewspec=args.molviewspec)
    if args.boltz:
        from disco_dock.report.boltz import write_boltz
        from disco_dock.report.folder import docked_folders, read_folder

        for folder in docked_folders(Path(args.folder)):
            print(f"input of Boltz: {write_boltz(read_folder(folder))}")
    return 0


def write_views(out: Path, *, report: bool, pymol: bool, chimerax: bool, molviewspec: bool = False) -> None:
    """Write what is asked for beside each complex, and print where it is.

    Raises:
        InputError: the folder holds no results.
    """
    from disco_dock.report.folder import docked_folders, read_folder
    from disco_dock.report.molviewspec import write_molviewspec
    from disco_dock.report.page import write_report
    from disco_dock.report.scripts import write_chimerax, write_pymol

    for folder in docked_folders(out):
        if report:
            print(f"report: {write_report(folder)}")
        for wanted, write in ((pymol, write_pymol), (chimerax, write_chimerax), (molviewspec, write_molviewspec)):
            if wanted:
                print(f"scene: {write(read_folder(folder))}")
