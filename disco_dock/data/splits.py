"""Splits by protein sequence cluster, and by ligand scaffold too when asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.random import derive_seed

SPLITS = ("train", "val", "test")
SET_ASIDE = "set_aside"


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitConfig:
    """How to split.

    Attributes:
        val: fraction of the complexes to tune on.
        test: fraction to report on.
        identity: sequence identity from which chains belong together.
        coverage: of the shorter chain, from which an alignment counts.
        by_scaffold: keep ligand scaffolds apart as well; complexes in the way of that are set aside.
        seed: of the draw.
    """

    val: float = 0.1
    test: float = 0.1
    identity: float = 0.3
    coverage: float = 0.6
    by_scaffold: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every fraction."""
        for name in ("val", "test"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"the fraction of {name} must be between 0 and 1, not {getattr(self, name)}")
        if self.val + self.test >= 1:
            raise ConfigError("the fractions of val and test leave nothing to train on; lower them")
        for name in ("identity", "coverage"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f"the {name} must be above 0 and at most 1, not {getattr(self, name)}")


def assign(clusters: np.ndarray, scaffolds: Sequence[str], config: SplitConfig) -> list[str]:
    """The split of each complex: "train", "val", "test" or "set_aside".

    Whole clusters are drawn at random into test and val as long as they fit; the rest is for training. With
    `by_scaffold`, complexes are set aside whose scaffold is in a split to the right of theirs (train, val, test), so
    that no scaffold crosses either.

    Args:
        clusters: (complexes,) cluster numbers.
        scaffolds: of the ligands.
        config: how to split.
    """
    sizes = Counter(clusters.tolist())
    room = {"test": config.test * len(clusters), "val": config.val * len(clusters)}
    order = np.random.default_rng(derive_seed("split", config.seed)).permutation(sorted(sizes))
    place: dict[int, str] = {}
    for cluster in order.tolist():
        name = next((name for name, left in room.items() if sizes[cluster] <= left), "train")
        place[cluster] = name
        if name != "train":
            room[name] -= sizes[cluster]
    splits = [place[cluster] for cluster in clusters.tolist()]
    if not config.by_scaffold:
        return splits
    held = {name: {s for s, split in zip(scaffolds, splits, strict=True) if split == name} for name in SPLITS}
    taken = {"train": held["val"] | held["test"], "val": held["test"], "test": set()}
    return [SET_ASIDE if own in taken[split] else split for own, split in zip(scaffolds, splits, strict=True)]
