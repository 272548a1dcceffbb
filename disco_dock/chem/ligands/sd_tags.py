"""Data items of SDF records."""

from __future__ import annotations

import re
from collections.abc import Iterable

_TAG = re.compile(r">.*?<([^>]+)>")
_FORBIDDEN = str.maketrans("<>\n\r", "    ")


def sd_tags(text: str) -> dict[str, str]:
    """The data items below a MOL block, in order; lines of a value stay lines.

    Args:
        text: record of an SD file without its `$$$$`.
    """
    tags: dict[str, list[str]] = {}
    lines: list[str] | None = None
    for line in text.partition("M  END")[2].splitlines():
        header = _TAG.match(line)
        if header is not None:
            lines = tags.setdefault(header[1].strip(), [])
        elif not line.strip():
            lines = None
        elif lines is not None:
            lines.append(line)
    return {tag_name(name): tag_value(value) for name, value in tags.items()}


def tag_name(name: str) -> str:
    """A name without the characters that would end it."""
    return name.translate(_FORBIDDEN).strip() or "tag"


def tag_value(lines: Iterable[str]) -> str:
    """The lines of a value without what would end the value or its record."""
    kept = (line.replace("$$$$", "$") for line in lines if line.strip())
    return "\n".join(f" {line}" if line.startswith(">") else line for line in kept)
