"""Which complexes make up a step's batch: drawn by sequence cluster, so that no crowded family drowns the rest."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from disco_dock.runtime.errors import InputError
from disco_dock.runtime.random import derive_seed
from disco_dock.runtime.user_files import read_text


@dataclass(frozen=True, kw_only=True, eq=False)
class WeightedPlan:
    """Batches whose complexes are drawn by weight, without repeats; that of a step depends on (seed, step) only.

    Attributes:
        weight: (complexes,) probability of each.
        batch_size: complexes of a batch.
        seed: of the run.
    """

    weight: np.ndarray
    batch_size: int
    seed: int

    def batch(self, step: int) -> list[int]:
        """Indices of the complexes of a step."""
        stream = np.random.default_rng(derive_seed("weighted plan", self.seed, step))
        count = min(self.batch_size, len(self.weight))
        return stream.choice(len(self.weight), count, replace=False, p=self.weight).tolist()

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which as many complexes are drawn as there are."""
        return math.ceil(len(self.weight) / self.batch_size)


def cluster_weights(ids: Sequence[str], file: str) -> np.ndarray:
    """(ids,) probabilities: the same for all without a file, else by one over the square root of the cluster's size.

    Args:
        ids: of the complexes.
        file: CSV file with the columns id and cluster, or "".

    Raises:
        InputError: the file cannot be read or lacks a complex.
    """
    if not file:
        return np.full(len(ids), 1 / len(ids))
    try:
        reader = csv.DictReader(io.StringIO(read_text(Path(file)), newline=""))
        if not {"id", "cluster"} <= set(reader.fieldnames or ()):
            raise InputError(f"{file}: has the columns {', '.join(reader.fieldnames or ())}; it needs id and cluster")
        cluster = {row["id"]: row["cluster"] for row in reader}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: cannot be read ({error}); save it as UTF-8 CSV") from error
    lacking = [name for name in ids if name not in cluster]
    if lacking:
        raise InputError(f"{file}: has no cluster of {lacking[0]} and {len(lacking) - 1} other complexes; add them")
    size = Counter(cluster[name] for name in ids)
    weight = np.array([1 / math.sqrt(size[cluster[name]]) for name in ids])
    return weight / weight.sum()
