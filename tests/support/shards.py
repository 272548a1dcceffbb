"""Shards of the made-up complexes, built once per test session."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from disco_dock.data.build import build
from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.prepare import prepare_all_atoms
from tests.support.complexes import write_complexes

_FOLDER = TemporaryDirectory(prefix="disco-shards-")


@lru_cache(maxsize=1)
def made_up_shards() -> Path:
    """Folder of shards of three complexes."""
    root = Path(_FOLDER.name)
    write_complexes(root / "complexes")
    build(root / "complexes", root / "shards")
    return root / "shards"


@lru_cache(maxsize=1)
def all_atom_shards() -> Path:
    """The same with the heavy atoms around the ligands."""
    made_up_shards()
    root = Path(_FOLDER.name)
    build(root / "complexes", root / "all_atoms", prepare=prepare_all_atoms)
    return root / "all_atoms"


def made_up_dataset() -> ComplexDataset:
    """The three complexes."""
    return ComplexDataset(made_up_shards())
