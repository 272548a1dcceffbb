"""`disco-dock mcp`: docking as tools for agents, over standard input and output."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mcp`."""
    parser.add_argument("--root", metavar="FOLDER", default=".", help="folder whose files tools may read (%(default)s)")
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-upload-mb", type=float, metavar="MB", default=50.0, help="largest file (%(default)g)")
    limits.add_argument("--max-queue", type=int, metavar="N", default=100, help="jobs that may wait (%(default)s)")
    limits.add_argument("--max-poses", type=int, metavar="N", default=100, help="poses per ligand (%(default)s)")
    limits.add_argument("--max-ligands", type=int, metavar="N", default=100, help="ligands per job (%(default)s)")
    limits.add_argument("--keep-jobs", type=int, metavar="N", default=200, help="finished jobs to keep (%(default)s)")
    limits.add_argument(
        "--keep-days", type=float, metavar="D", default=30.0, help="days to keep finished jobs (%(default)g)"
    )
    running = parser.add_argument_group("running")
    running.add_argument(
        "--store", metavar="FOLDER", default="disco-dock-jobs", help="folder of jobs and results (%(default)s)"
    )
    running.add_argument("--workers", type=int, metavar="N", default=1, help="jobs docked at the same time (1)")
    running.add_argument(
        "--checkpoint", metavar="DIR", default=None, help="another checkpoint folder; the bundled one by default"
    )
    running.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (%(default)s)")
    running.add_argument("-v", "--verbose", action="count", default=0, help="say more; twice for debugging")


def run(args: argparse.Namespace) -> int:
    """Serve until the client goes away."""
    from disco_dock.runtime.errors import ConfigError

    if find_spec("mcp") is None:
        raise ConfigError("the package mcp is not installed; pip install 'disco-dock[mcp]'")

    from disco_dock.cli.parsing import UsageError
    from disco_dock.runtime.log import setup_logging
    from disco_dock.server.mcp.tools import create_mcp
    from disco_dock.server.settings import ServeSettings

    setup_logging(args.verbose)
    try:
        settings = ServeSettings(
            store=Path(args.store),
            max_upload_mb=args.max_upload_mb,
            max_queue=args.max_queue,
            max_poses=args.max_poses,
            max_ligands=args.max_ligands,
            keep_jobs=args.keep_jobs,
            keep_days=args.keep_days,
            workers=args.workers,
            checkpoint=None if args.checkpoint is None else Path(args.checkpoint).resolve(),
            device=args.device,
        )
    except ConfigError as error:
        raise UsageError(str(error)) from error
    server = create_mcp(settings, Path(args.root))
    try:
        server.run("stdio")
    except Exception as error:
        if not _client_left(error):
            raise
    return 0


def _client_left(error: BaseException) -> bool:
    """Whether an error, or all of a group of them, only says that nobody reads what is written any more."""
    inner = getattr(error, "exceptions", None)
    return all(map(_client_left, inner)) if inner else isinstance(error, BrokenPipeError)
