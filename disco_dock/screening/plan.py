"""Records of a shard, and batches for the workers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from disco_dock.runtime.errors import ConfigError
from disco_dock.screening.messages import Work

BUCKET_ATOMS = 8  # width of a bucket of ligands
BATCH_LIGANDS = 4  # of a worker's batch, unless more share a network batch


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """Part `index` (from 1) of `count`: every `count`-th record of each library."""

    index: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        """Check the range."""
        if not 1 <= self.index <= self.count:
            raise ConfigError(f"a shard is written i/n with 1 <= i <= n, not {self.index}/{self.count}")

    def __str__(self) -> str:
        """As written on the command line."""
        return f"{self.index}/{self.count}"

    def takes(self, position: int) -> bool:
        """Whether the record at a position (from 0) belongs to this shard."""
        return position % self.count == self.index - 1

    def size(self, records: int) -> int:
        """How many of the first `records` records belong to this shard."""
        return (records - self.index) // self.count + 1 if records >= self.index else 0

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard written as i/n.

        Raises:
            ConfigError: it is not.
        """
        match = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text)
        if match is None:
            raise ConfigError(f"a shard is written i/n, such as 3/16, not {text!r}")
        return cls(index=int(match[1]), count=int(match[2]))

    @classmethod
    def of_slurm(cls, environment: Mapping[str, str]) -> Shard | None:
        """The shard of a SLURM array task, or None outside of one; the array may start at any number.

        Raises:
            ConfigError: the array has gaps, so that a task cannot know its part.
        """
        if "SLURM_ARRAY_TASK_ID" not in environment:
            return None
        task, count = int(environment["SLURM_ARRAY_TASK_ID"]), int(environment.get("SLURM_ARRAY_TASK_COUNT", "1"))
        first = int(environment.get("SLURM_ARRAY_TASK_MIN", "0"))
        last = int(environment.get("SLURM_ARRAY_TASK_MAX", str(first + count - 1)))
        if last - first + 1 != count:
            raise ConfigError(
                f"the SLURM array {first}-{last} has {count} tasks, so shards are not its numbers; give --shard i/n"
            )
        return cls(index=task - first + 1, count=count)


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Ligands of similar size for one worker, which docks them one by one or several in a network batch."""

    works: tuple[Work, ...]
