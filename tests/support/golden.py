"""Golden vectors of the published networks, where they are at hand."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@lru_cache(maxsize=1)
def golden_root() -> Path | None:
    """The folder of golden files: $DISCO_GOLDEN_DIR, or `../shared/golden` beside the repository; None if absent."""
    chosen = os.environ.get("DISCO_GOLDEN_DIR")
    path = Path(chosen) if chosen else ROOT.parent / "shared" / "golden"
    return path if path.is_dir() else None


def golden_path(name: str) -> Path:
    """Path of a golden file; skips the test where there is none."""
    root = golden_root()
    if root is None or not (root / name).exists():
        pytest.skip(f"golden file {name} is not at hand (set DISCO_GOLDEN_DIR)")
    return root / name


@lru_cache(maxsize=16)
def _arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as data:
        return {key: data[key] for key in data.files}


def load_golden(name: str) -> dict[str, np.ndarray]:
    """Arrays of a golden npz file; skips the test where there is none."""
    return dict(_arrays(golden_path(name)))
