"""`disco-dock doctor`: check the installation and say how to repair it."""

from __future__ import annotations

import argparse
from pathlib import Path

MARKS = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `doctor`."""
    parser.add_argument(
        "--checkpoint", metavar="DIR", default=None, help="checkpoint folder to test; the bundled one by default"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Print every finding; 1 when there is a problem."""
    from disco_dock.docking.runs.doctor import examine

    problems = 0
    for finding in examine(None if args.checkpoint is None else Path(args.checkpoint), args.device):
        problems += finding.level == "problem"
        print(f"{MARKS[finding.level]}  {finding.subject}: {finding.detail}", flush=True)
        if finding.remedy:
            print(f"         -> {finding.remedy}", flush=True)
    print("everything works" if not problems else f"{problems} problem{'s' if problems > 1 else ''} found")
    return int(problems > 0)
