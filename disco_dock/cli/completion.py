"""Completion of commands and options in the shell, by argcomplete (extra `completion`)."""

from __future__ import annotations

import os
import shlex
from argparse import ArgumentParser
from collections.abc import Callable, Container


def complete(commands: Container[str], build_parser: Callable[[str | None], ArgumentParser]) -> None:
    """Answer the shell's question and exit; without argcomplete nothing is offered.

    The words so far are in COMP_LINE; the parser is built for the command among them only.
    """
    try:
        import argcomplete
    except ImportError:
        raise SystemExit(1) from None
    line = os.environ.get("COMP_LINE", "")
    try:
        words = shlex.split(line)
    except ValueError:  # an open quote
        words = line.split()
    argcomplete.autocomplete(build_parser(next((word for word in words[1:] if word in commands), None)))
