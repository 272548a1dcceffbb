"""`disco-dock mcp`: docking as tools for agents, over standard input and output."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from disco_dock.cli.serve import add_limits_and_running, serve_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mcp`."""
    parser.add_argument("--root", metavar="FOLDER", default=".", help="folder whose files tools may read (%(default)s)")
    add_limits_and_running(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until the client goes away."""
    from disco_dock.runtime.errors import ConfigError

    if find_spec("mcp") is None:
        raise ConfigError("the package mcp is not installed; pip install 'disco-dock[mcp]'")

    from disco_dock.runtime.log import setup_logging
    from disco_dock.server.mcp.tools import create_mcp

    setup_logging(args.verbose)
    server = create_mcp(serve_settings(args), Path(args.root))
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
