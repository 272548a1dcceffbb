"""Foreign files with the right answer, where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def cases_root() -> Path | None:
    """The folder of cases: $DISCO_CASES_DIR, or `../shared/cases` beside the repository; None if absent."""
    chosen = os.environ.get("DISCO_CASES_DIR")
    path = Path(chosen) if chosen else ROOT.parent / "shared" / "cases"
    return path if path.is_dir() else None


def case(name: str) -> Path:
    """Folder of a case; skips the test where there is none."""
    root = cases_root()
    if root is None or not (root / name).is_dir():
        pytest.skip(f"case {name} is not at hand (set DISCO_CASES_DIR)")
    return root / name
