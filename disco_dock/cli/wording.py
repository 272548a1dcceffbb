"""Words of what the commands print: lines that fit 80 columns, times."""

from __future__ import annotations

import math
import sys
import textwrap

WIDTH = 80
DAYS = 48  # hours from which on a time is told in days
YEARS = 1000  # days from which on it is told in years


def wrapped(text: str, *, first: str = "", rest: str = "  ") -> str:
    """A text in lines of at most `WIDTH` columns, broken between words; a longer word keeps its line.

    Args:
        text: what to say.
        first: what the first line begins with.
        rest: what the others begin with.
    """
    return textwrap.fill(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def say(text: str) -> None:
    """Print a line on stderr, in lines of `WIDTH` columns where that is a terminal."""
    print(wrapped(text) if sys.stderr.isatty() else text, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """A time in words, such as "2 h 05 min"; "unknown time" where it is not finite."""
    if not math.isfinite(seconds):
        return "unknown time"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= DAYS:
        days = hours / 24
        return f"{days:.1f} days" if days < YEARS else f"{days / 365.25:,.0f} years"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def cut(text: str, most: int) -> str:
    """The beginning of a text that is longer than `most` characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def tail(text: str, most: int) -> str:
    """The end of a path that is longer than `most` characters."""
    return text if len(text) <= most else f"...{text[3 - most :]}"


def count(number: int, what: str) -> str:
    """A number of things: "1 pose", "40 poses"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
