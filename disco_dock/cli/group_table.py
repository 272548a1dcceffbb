"""The groups of the protein's file as a few lines: what was kept as an obstacle, what was left out, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NEAR = 6.0  # Angstrom from the first pose, within which what was left out is shown
MOST = 6  # lines before groups of one kind share a line
WIDTH = 80


def group_table(receptor: Mapping[str, Any], *, verbose: bool = False) -> str:
    """Lines such as "kept      A:ZN301  metal"; "" where the file has no groups.

    Args:
        receptor: of a run.json.
        verbose: with the number of water's atoms.
    """
    groups = receptor.get("groups", [])
    shown = [one for one in groups if one["kept"] or one["kind"] == "ligand" or one.get("distance", 0.0) <= NEAR]
    rows = [(_verb(one), one["id"], _what(one)) for one in shown]
    if len(rows) > MOST:
        rows = _by_kind(shown)
    width = max((len(name) for _, name, _ in rows), default=0)
    lines = [_cut(f"{verb:<8}  {name:<{width}}  {what}") for verb, name, what in rows]
    far = len(groups) - len(shown)
    if far:
        lines.append(f"left out  {far} {'group' if far == 1 else 'groups'} farther than {NEAR:g} A from the first pose")
    water = receptor.get("records", {}).get("dropped", {}).get("water", 0)
    if verbose and water:
        lines.append(f"left out  {water} {'atom' if water == 1 else 'atoms'} of water")
    return "\n".join(lines)


def _verb(group: Mapping[str, Any]) -> str:
    return "kept" if group["kept"] else "left out"


def _what(group: Mapping[str, Any]) -> str:
    """Kind and reason, each once."""
    kind, why = group["kind"], group["why"]
    if not why or why.startswith(kind):
        return why or kind
    return why if kind == "other" else f"{kind}: {why}"


def _by_kind(groups: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """A row for all groups of a kind that had the same fate."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in groups:
        found.setdefault((_verb(one), one["kind"]), []).append(one["id"])
    return [(verb, _few(names), kind) for (verb, kind), names in found.items()]


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"  # noqa: PLR2004


def _cut(line: str) -> str:
    line = line.rstrip()
    return line if len(line) <= WIDTH else line[: WIDTH - 3] + "..."
