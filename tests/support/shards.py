"""Shards of the made-up complexes, built once per test session."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from disco_dock.data.build import build
from disco_dock.data.dataset import ComplexDataset
from tests.support.complexes import write_complexes

_FOLDER = TemporaryDirectory(prefix="disco-shards-")


@lru_cache(maxsize=1)
def made_up_shards() -> Path:
    """Folder of shards of three complexes."""
    root = Path(_FOLDER.name)
    write_complexes(root / "complexes")
    build(root / "complexes", root / "shards")
    return root / "shards"


def made_up_dataset() -> ComplexDataset:
    """The three complexes."""
    return ComplexDataset(made_up_shards())
