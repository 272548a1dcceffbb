"""Arguments of docking: values that begin with a minus sign, lists of numbers and names."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence


class UsageError(Exception):
    """Arguments that do not fit together; the message is one sentence."""


def join_negative_values(argv: Sequence[str]) -> list[str]:
    """The arguments with `--option -1,2,3` written as `--option=-1,2,3`, which argparse would take for an option."""
    joined: list[str] = []
    for argument in argv:
        is_value = re.match(r"-\.?\d", argument) is not None and "," in argument
        if is_value and joined and re.fullmatch(r"--[a-z][a-z-]*", joined[-1]):
            joined[-1] = f"{joined[-1]}={argument}"
        else:
            joined.append(argument)
    return joined


def numbers(count: int):
    """An argparse type: `count` numbers separated by commas or spaces, as a tuple of floats."""

    def parse(text: str) -> tuple[float, ...]:
        parts = [part for part in re.split(r"[,;\s]+", text.strip()) if part]
        try:
            values = tuple(float(part) for part in parts)
        except ValueError:
            values = ()
        if len(values) != count:
            raise argparse.ArgumentTypeError(f"expected {count} numbers separated by commas, found {text!r}")
        return values

    return parse


def names(text: str) -> tuple[str, ...]:
    """An argparse type: names separated by commas."""
    parts = tuple(part.strip() for part in text.split(","))
    if not all(parts):
        raise argparse.ArgumentTypeError(f"expected names separated by commas, found {text!r}")
    return parts
