"""`disco-dock easydock`: the docking server that EasyDock starts (its --program server)."""

from __future__ import annotations

import argparse
import os
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `easydock`."""
    parser.description = (
        "Answer docking requests, one JSON text a line, on standard input and output. EasyDock starts this command: "
        "name it as script_file in its configuration (docs/integrations.md)."
    )
    parser.add_argument("-v", "--verbose", action="count", default=0, help="say more; twice for debugging")


def run(args: argparse.Namespace) -> int:
    """Serve until the input ends."""
    from disco_dock.cli.options import quiet_libraries
    from disco_dock.docking.engine import load_engine
    from disco_dock.docking.runs.line_server import LineServer
    from disco_dock.runtime.log import setup_logging

    setup_logging(args.verbose)
    quiet_libraries(args.verbose)
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing else may come between the answers
        LineServer(load_engine).serve(sys.stdin, answers)
    return 0
