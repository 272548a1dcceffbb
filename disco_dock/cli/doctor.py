"""`disco-dock doctor`: check the installation and say how to repair it."""

from __future__ import annotations

import argparse
from pathlib import Path

from disco_dock.cli.wording import wrapped

INDENT = " " * 9
MARKS = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `doctor`."""
    parser.add_argument(
        "--checkpoint", metavar="DIR", default=None, help="checkpoint folder to test; the bundled one by default"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (%(default)s)")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="a line for each package")


def run(args: argparse.Namespace) -> int:
    """Print every finding; 1 when there is a problem."""
    from disco_dock.docking.runs.doctor import MODULES, examine

    problems, packages = 0, []
    for finding in examine(None if args.checkpoint is None else Path(args.checkpoint), args.device):
        problems += finding.level == "problem"
        plain = finding.level == "ok" and not finding.remedy and finding.subject in MODULES
        if plain and not args.verbose:
            packages.append(f"{finding.subject} {finding.detail}")
            continue
        if packages:
            print(wrapped(f"packages: {', '.join(packages)}", first=f"{MARKS['ok']}  ", rest=INDENT), flush=True)
            packages.clear()
        line = f"{finding.subject}: {finding.detail}"
        print(wrapped(line, first=f"{MARKS[finding.level]}  ", rest=INDENT), flush=True)
        if finding.remedy:
            print(wrapped(finding.remedy, first=f"{INDENT}-> ", rest=f"{INDENT}   "), flush=True)
    print("everything works" if not problems else f"{problems} problem{'s' if problems > 1 else ''} found")
    return int(problems > 0)
