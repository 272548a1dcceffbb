"""Shards as a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from disco_dock.data.example import TrainingExample
from disco_dock.data.shards import Part, part_files, read_index
from disco_dock.runtime.errors import InputError


class ComplexDataset:
    """Examples of all finished parts in a folder; nothing is read before it is asked for.

    Args:
        path: folder of shards.
        ids: keep only these complexes, or None for all.
        max_residues: keep only complexes of at most this many residues, 0 for all.

    Raises:
        InputError: the folder has no finished shards, or none of the ids.
    """

    def __init__(self, path: str | Path, ids: Sequence[str] | None = None, *, max_residues: int = 0) -> None:
        path = Path(path)
        wanted = None if ids is None else set(ids)
        self._rows: list[tuple[Part, int]] = []
        self.facts: list[dict[str, Any]] = []
        for file in part_files(path):
            complexes = read_index(file)["complexes"]
            part = Part(file, [row["id"] for row in complexes])
            for number, row in enumerate(complexes):
                small = not max_residues or row["residues"] <= max_residues
                if small and (wanted is None or row["id"] in wanted):
                    self._rows.append((part, number))
                    self.facts.append(row)
        if not self._rows:
            raise InputError(f"{path}: no finished shards with the wanted complexes; run `disco-dock data build` first")

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def ids(self) -> list[str]:
        """Ids in order."""
        return [row["id"] for row in self.facts]

    def joined(self, other: ComplexDataset) -> ComplexDataset:
        """These complexes and then those of another, as one."""
        both = ComplexDataset.__new__(ComplexDataset)
        both._rows, both.facts = [*self._rows, *other._rows], [*self.facts, *other.facts]
        return both

    def sizes(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of ligand atoms and of residues, (complexes,) int64 each."""
        return (
            np.array([row["atoms"] for row in self.facts], dtype=np.int64),
            np.array([row["residues"] for row in self.facts], dtype=np.int64),
        )

    def arrays(self, number: int, *keys: str) -> dict[str, np.ndarray]:
        """Some of the stored flat arrays of a complex, see `example.pack`."""
        part, row = self._rows[number]
        return part.arrays(row, keys)

    def __getitem__(self, number: int) -> TrainingExample:
        part, row = self._rows[number]
        return part.read(row)
