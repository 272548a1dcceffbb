"""Entry point of `disco-dock`: picks the command, and turns every failure into one line and an exit status."""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from disco_dock.cli.parsing import UsageError, join_negative_values
from disco_dock.runtime.command_line import FAILED, INTERRUPTED, USAGE_ERROR, Parser, fail
from disco_dock.runtime.errors import DiscoError

COMMANDS = {
    "predict": ("disco_dock.cli.predict", "dock ligands into a protein"),
    "rescore": ("disco_dock.cli.rescore", "score and check poses of another program or a crystal"),
    "screen": ("disco_dock.cli.screen", "dock a library of ligands, with a ledger that survives everything"),
    "results": ("disco_dock.cli.results", "list or export the ligands of a screen, best first"),
    "report": ("disco_dock.cli.report", "write a page that shows docked poses, for any browser"),
    "serve": ("disco_dock.cli.serve", "serve a page and a web service that dock"),
    "easydock": ("disco_dock.cli.easydock", "answer the docking requests of EasyDock"),
    "mcp": ("disco_dock.cli.mcp", "serve docking as tools for agents (Model Context Protocol)"),
    "doctor": ("disco_dock.cli.doctor", "check the installation and say how to repair it"),
    "train": ("disco_dock.cli.train", "train a stage on shards of complexes"),
    "evaluate": ("disco_dock.cli.evaluate", "dock complexes with known poses and report success rates"),
    "data": ("disco_dock.cli.data", "prepare training data"),
    "fit": ("disco_dock.cli.fit.command", "fit what a checkpoint ranks poses and tells probabilities by"),
    "weights": ("disco_dock.cli.weights", "convert published weights"),
}
"""Command name: (module with `add_arguments(parser)` and `run(args) -> int`, one-line help)."""


def _version() -> str:
    try:
        return version("disco-dock")
    except PackageNotFoundError:
        return "unknown (not installed)"


def build_parser(command: str | None) -> Parser:
    """The parser of all commands; only the module of `command` is imported and asked for its arguments."""
    parser = Parser(prog="disco-dock", description="Dock small molecules into proteins.")
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, (module, text) in COMMANDS.items():
        own = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name == command:
            own.add_argument("--debug", action="store_true", help="show the traceback of an unexpected error")
            import_module(module).add_arguments(own)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of a command line: 0 done, 1 something failed, 2 wrong usage, 130 interrupted."""
    if argv is None and "_ARGCOMPLETE" in os.environ:
        from disco_dock.cli.completion import complete

        complete(COMMANDS, build_parser)
    for stream in (sys.stdout, sys.stderr):  # a path may hold what the terminal's encoding has not
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = join_negative_values(sys.argv[1:] if argv is None else argv)
    command = next((argument for argument in arguments if argument in COMMANDS), None)
    parser = build_parser(command)
    try:
        args = parser.parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    if args.version:
        print(f"disco-dock {_version()}")
        return 0
    if args.command is None:
        parser.print_help()
        return USAGE_ERROR
    return run_command(args)


def run_command(args: argparse.Namespace) -> int:
    """Exit status of the chosen command."""
    try:
        return import_module(COMMANDS[args.command][0]).run(args)
    except UsageError as error:
        return _fail(f"{error}; see disco-dock {args.command} --help", USAGE_ERROR)
    except DiscoError as error:
        return _fail(str(error), FAILED)
    except KeyboardInterrupt as error:
        return _fail(str(error) or "interrupted", INTERRUPTED, kind="")
    except BrokenPipeError:  # the reader of our output, such as `head`, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        if args.debug:
            traceback.print_exc()
        return _fail(f"{error}; check free space and permissions", FAILED)
    except Exception as error:  # the one place where a bug becomes a sentence
        if args.debug:
            traceback.print_exc()
        what = " ".join(str(error).split()) or "no message"
        hint = "" if args.debug else "; rerun with --debug for the traceback"
        return _fail(f"unexpected {type(error).__name__}: {what}{hint}", FAILED)


def _fail(message: str, status: int, kind: str = "error: ") -> int:
    return fail("disco-dock", kind + message, status)


if __name__ == "__main__":
    sys.exit(main())
