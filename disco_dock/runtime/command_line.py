"""What the commands share: one-line failures, settings from several places, and the folder of a run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from disco_dock.runtime.errors import DiscoError

FAILED, USAGE_ERROR, INTERRUPTED = 1, 2, 130


class Parser(argparse.ArgumentParser):
    """Parser without abbreviated options whose errors are one line."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(
            prog=f"python -m disco_image.{prog}",
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Exit with status 2 and one line that points to --help."""
        self.exit(USAGE_ERROR, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def run_command(
    build: Callable[[], Parser], run: Callable[[argparse.Namespace], int], argv: Sequence[str] | None
) -> int:
    """Exit status of a command: 0 done, 1 something failed, 2 wrong usage, 130 interrupted."""
    parser = build()
    try:
        args = parser.parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        return run(args)
    except DiscoError as error:
        return _fail(parser.prog, str(error), FAILED)
    except KeyboardInterrupt:
        return _fail(parser.prog, "interrupted; run the same command again to go on", INTERRUPTED)
    except OSError as error:
        return _fail(parser.prog, f"{error}; check free space and permissions", FAILED)


def _fail(prog: str, message: str, status: int) -> int:
    print(f"{prog}: {' '.join(message.split())}", file=sys.stderr)
    return status


def parse_seeds(text: str) -> list[int]:
    """Seeds of a list such as ``0-63`` or ``1,5,7-9``; an argparse type."""
    seeds: list[int] = []
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            seeds += range(int(first), int(last or first) + 1)
    except ValueError:
        seeds = []
    if not seeds:
        raise argparse.ArgumentTypeError(f"expected seeds such as 0-63 or 1,5,7-9, found {text!r}")
    return seeds
