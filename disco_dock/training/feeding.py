"""Batches of a run's steps, made ahead by a thread or by processes, and each process's share of a global batch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from disco_dock.data.dataset import ComplexDataset
from disco_dock.data.plan import BatchPlan
from disco_dock.data.sources import read_ids
from disco_dock.runtime.device import available_cores
from disco_dock.runtime.distributed import Processes, processes
from disco_dock.runtime.prefetch import Prefetcher
from disco_dock.training.settings import TrainConfig

WORKERS_PER_GPU = 6
AHEAD = 3  # batches that each worker keeps ready
SEVERAL_HOLDERS = "file_system"
"""How tensors travel between processes; the other way needs one open file per tensor and runs out of them."""


def training_set(shards: Path, config: TrainConfig) -> ComplexDataset:
    """The complexes to train on: those of the split file that are small enough."""
    return _chosen(shards, config.split, config.max_residues)


def validation_set(shards: Path, config: TrainConfig, max_residues: int = 0) -> ComplexDataset:
    """The complexes to validate on."""
    return _chosen(shards, config.validation_split, max_residues)


def _chosen(shards: Path, split: str, max_residues: int) -> ComplexDataset:
    return ComplexDataset(shards, read_ids(Path(split)) if split else None, max_residues=max_residues)


def make_plan(dataset: ComplexDataset, config: TrainConfig, copies: int, numbers: list[int] | None = None) -> BatchPlan:
    """The run's batches, over all processes; `copies` counts against the cost limit.

    Args:
        dataset: complexes.
        config: settings.
        copies: rows per complex.
        numbers: complexes that take part, or None for all; the plan then counts within them.
    """
    chosen = np.arange(len(dataset)) if numbers is None else np.array(numbers)
    atoms, residues = (sizes[chosen] for sizes in dataset.sizes())
    limit = config.max_cost // copies if config.max_cost else 0
    return BatchPlan(atoms, residues, batch_size=config.batch_size, seed=config.seed, max_cost=limit)


def own_share(batch: list[int], group: Processes) -> tuple[list[int], bool]:
    """This process's complexes of a batch, and whether they count.

    A batch is sorted by size, so that every process gets complexes of all sizes. A process without any takes the first
    one without weight, for the collective operations need all of them.
    """
    own = group.share(batch)
    return (own, True) if own else (batch[:1], False)


def worker_count(config: TrainConfig, device: torch.device) -> int:
    """Processes that make batches."""
    if config.workers >= 0:
        return config.workers
    if device.type != "cuda":
        return 0
    return min(WORKERS_PER_GPU, max(available_cores() // processes().size - 1, 1))


class _Steps(Dataset):
    """The batches of a run as items."""

    def __init__(self, make: Callable[[int], Any]) -> None:
        self._make = make

    def __getitem__(self, step: int) -> Any:
        return self._make(step)


def _as_made(batch: Any) -> Any:
    return batch


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
    torch.multiprocessing.set_sharing_strategy(SEVERAL_HOLDERS)


class _WorkerFeed:
    """Batches in the order of steps from worker processes."""

    def __init__(self, make: Callable[[int], Any], workers: int) -> None:
        self._make, self._workers = make, workers
        self._next: int | None = None
        self._iterator: Iterator[Any] = iter(())

    def __call__(self, step: int) -> Any:
        if step != self._next:
            torch.multiprocessing.set_sharing_strategy(SEVERAL_HOLDERS)
            loader = DataLoader(
                _Steps(self._make),
                batch_size=None,
                collate_fn=_as_made,
                sampler=itertools.count(step),
                num_workers=self._workers,
                prefetch_factor=AHEAD,
                multiprocessing_context="spawn",  # a fork would copy the locks of running threads
                worker_init_fn=_one_thread,
            )
            self._iterator = iter(loader)
        self._next = step + 1
        return next(self._iterator)

    def close(self) -> None:
        self._iterator = iter(())


@contextmanager
def feed(make: Callable[[int], Any], workers: int) -> Iterator[Callable[[int], Any]]:
    """Inside the block, a function step -> batch that makes the following ones ahead.

    Args:
        make: step -> batch, a function of the step only; for worker processes it must pickle. Its data set pickles as
            paths and is mapped, so that no worker holds a copy of it.
        workers: processes, 0 for a thread.
    """
    source = _WorkerFeed(make, workers) if workers else Prefetcher(make)
    try:
        yield source
    finally:
        source.close()
