"""What the commands of both packages share: errors of one line, and the exit status of a failure."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from disco_dock.runtime.errors import DiscoError, one_line

FAILED, USAGE_ERROR, INTERRUPTED = 1, 2, 130


class Parser(argparse.ArgumentParser):
    """Parser without abbreviated options whose errors are one line."""

    def __init__(self, *args, **kwargs) -> None:
        """Take the arguments of argparse.ArgumentParser."""
        kwargs.setdefault("allow_abbrev", False)
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **kwargs)

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
        return fail(parser.prog, str(error), FAILED)
    except KeyboardInterrupt:
        return fail(parser.prog, "interrupted; run the same command again to go on", INTERRUPTED)
    except OSError as error:
        return fail(parser.prog, f"{error}; check free space and permissions", FAILED)


def fail(prog: str, message: str, status: int) -> int:
    """The status, after one line on stderr that says what failed."""
    print(f"{prog}: {one_line(message)}", file=sys.stderr)
    return status
