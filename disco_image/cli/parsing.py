"""The parser of a command, which answers by the name that it was called by."""

from __future__ import annotations

import sys
from pathlib import Path

from disco_dock.runtime.command_line import Parser

SCRIPT = "disco-image"


def command_parser(name: str, description: str | None) -> Parser:
    """Parser of a command, called as `disco-image NAME` or as `python -m disco_image.NAME`."""
    called = Path(sys.argv[0]).name == SCRIPT
    return Parser(prog=f"{SCRIPT} {name}" if called else f"python -m disco_image.{name}", description=description)
