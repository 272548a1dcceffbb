# pyright: basic
"""What the commands of both packages share: errors of one line, and the exit status of a failure."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import NoReturn

from disco_dock.runtime.errors import DiscoError, one_line

FAILED, USAGE_ERROR, INTERRUPTED = 1, 2, 130


PEERS = {
    "--num-modes": "--num-poses",
    "--samples-per-complex": "--num-poses",
    "--diffusion-samples": "--num-poses",
    "--n-poses": "--num-poses",
    "--inference-steps": "--steps",
    "--exhaustiveness": "--restarts",
    "--protein-path": "--protein",
    "--rec": "--protein",
    "--ligand-description": "--ligand",
    "--lig": "--ligand",
    "--protein-ligand-csv": "--csv",
    "--out-dir": "--out",
    "--output": "--out",
    "--override": "--overwrite",
    "--save-visualisation": "--trajectory",
    "--center-x": "--pocket-center",
    "--size-x": "--pocket-box",
    "--config": "--pocket-box",
    "--choose-residue": "--pocket-residues",
    "--cpu": "--device",
    "--no-gpu": "--device",
}
"""Option of another docking program: ours."""


class Parser(argparse.ArgumentParser):
    """Parser of whole option names, errors of one line that suggest the right name, and a short and a whole help.

    Underscores in an option's name stand for hyphens.
    """

    def __init__(self, *args, **kwargs) -> None:
        """Take the arguments of argparse.ArgumentParser."""
        kwargs.setdefault("allow_abbrev", False)
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **kwargs)
        self._first: frozenset[str] = frozenset()

    def error(self, message: str) -> NoReturn:
        """Exit with status 2 and one line that points to --help."""
        self.exit(USAGE_ERROR, f"{self.prog}: error: {message}; see {self.prog} --help\n")

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[override]
        """Parse, with an error of this parser, and not of the one above it, for what it does not know."""
        given = [self._with_hyphens(one) for one in (sys.argv[1:] if args is None else args)]
        found, unknown = super().parse_known_args(given, namespace)
        if unknown:
            near = next(filter(None, map(self.suggestion, unknown)), "")
            hint = f", did you mean {near}?" if near else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return found, unknown

    def suggestion(self, option: str) -> str:
        """The option that was probably meant, or ""."""
        name = option.partition("=")[0].replace("_", "-").lower()
        known = [one for one in self._option_string_actions if one.startswith("--")]
        if not name.startswith("-"):
            return ""
        peer = PEERS.get(name, "")
        close = get_close_matches(name, known, n=1, cutoff=0.7)
        return peer if peer in known else close[0] if close else ""

    def show_first(self, *options: str) -> None:
        """Let --help show these options only, and add --help-all."""
        self.add_argument("--help-all", action=_HelpAll, help="show every option and exit")
        self._first = frozenset({"--help", "--help-all", *options})

    def format_help(self) -> str:
        """The short help, where options come first that are asked for most."""
        if not self._first:
            return super().format_help()
        hidden = [one for one in self._actions if one.option_strings and not self._first & set(one.option_strings)]
        texts = [one.help for one in hidden]
        for one in hidden:
            one.help = argparse.SUPPRESS
        try:
            return super().format_help()
        finally:
            for one, text in zip(hidden, texts, strict=True):
                one.help = text

    def format_help_all(self) -> str:
        """The help with every option."""
        return super().format_help()

    def _with_hyphens(self, argument: str) -> str:
        name, equals, value = argument.partition("=")
        plain = name.replace("_", "-")
        known = self._option_string_actions
        return f"{plain}{equals}{value}" if name.startswith("--") and name not in known and plain in known else argument


class _HelpAll(argparse.Action):
    def __init__(self, option_strings, dest, help=None) -> None:
        super().__init__(option_strings, dest=argparse.SUPPRESS, default=argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser, namespace, values, option_string=None) -> NoReturn:
        print(parser.format_help_all() if isinstance(parser, Parser) else parser.format_help(), end="")
        parser.exit()


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
