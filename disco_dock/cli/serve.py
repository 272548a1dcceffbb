"""`disco-dock serve`: a page and a web service that dock."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from disco_dock.server.settings import ServeSettings

NEEDED = ("fastapi", "uvicorn", "python_multipart")
TOKEN = "DISCO_DOCK_TOKEN"  # noqa: S105
BACKLOG = 100  # connections that wait to be taken
GRACE = 2  # seconds that open requests get when the server ends


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `serve`."""
    network = parser.add_argument_group("network")
    network.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s: this machine only)")
    network.add_argument("--port", type=int, metavar="N", default=8000, help="port; 0 takes a free one (%(default)s)")
    network.add_argument(
        "--token",
        metavar="TEXT",
        default=os.environ.get(TOKEN) or None,
        help=f"secret that every request must carry; better given as ${TOKEN}, which other users cannot see",
    )
    network.add_argument(
        "--allowed-host",
        action="append",
        metavar="NAME",
        default=[],
        help="name under which a proxy on this machine passes requests on (repeatable)",
    )
    add_limits_and_running(parser)


def add_limits_and_running(parser: argparse.ArgumentParser) -> None:
    """Add what every door to the queue of jobs has: its limits, and how it runs."""
    limits = parser.add_argument_group("limits")
    limits.add_argument(
        "--max-upload-mb", type=float, metavar="MB", default=50.0, help="largest request and file (%(default)g)"
    )
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
    running.add_argument(
        "--workers", type=int, metavar="N", default=1, help="jobs docked at the same time, each in a process (1)"
    )
    running.add_argument(
        "--checkpoint", metavar="DIR", default=None, help="another checkpoint folder; the bundled one by default"
    )
    running.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (%(default)s)")
    running.add_argument("-v", "--verbose", action="count", default=0, help="say more; twice for debugging")


def serve_settings(args: argparse.Namespace, **network: Any) -> ServeSettings:
    """Settings of `add_limits_and_running` with those of the network.

    Raises:
        UsageError: an option is out of its range.
    """
    from disco_dock.cli.parsing import UsageError
    from disco_dock.runtime.errors import ConfigError
    from disco_dock.server.settings import ServeSettings

    try:
        return ServeSettings(
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
            **network,
        )
    except ConfigError as error:
        raise UsageError(str(error)) from error


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from disco_dock.runtime.errors import ConfigError

    if any(find_spec(name) is None for name in NEEDED):
        raise ConfigError("the server's packages are not installed; pip install 'disco-dock[serve]'")

    from disco_dock.runtime.log import setup_logging

    setup_logging(args.verbose)
    settings = serve_settings(
        args,
        host=args.host,
        port=args.port,
        token=args.token,
        allowed_hosts=tuple(name.lower() for name in args.allowed_host),
    )
    if not settings.loopback and settings.token is None:
        print(
            f"disco-dock: warning: {settings.host} can be reached from other machines without authentication: whoever "
            f"does can dock and read all results; give a token (${TOKEN}) or keep to 127.0.0.1",
            file=sys.stderr,
        )
    return _serve(settings)


def _serve(settings) -> int:
    """Listen, say where, and serve until a signal comes."""
    import socket

    import uvicorn

    from disco_dock.runtime.errors import ConfigError
    from disco_dock.server.app import create_app

    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=200,
        timeout_graceful_shutdown=GRACE,
    )
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(BACKLOG)  # before the address is printed: whoever reads it may connect at once
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"{settings.host}:{settings.port}: cannot listen here ({error.strerror}); choose another --port or --host"
        ) from error
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    query = "" if settings.token is None else "?token=..."
    print(f"disco-dock serves http://{host}:{listener.getsockname()[1]}/{query}  (Ctrl-C ends it)", flush=True)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        pass  # how uvicorn ends after Ctrl-C, when everything is closed
    print("stopped; jobs that were not finished go on when the server is started again", file=sys.stderr)
    return 0
