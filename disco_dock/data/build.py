"""Build shards from a folder of complexes: parallel, resumable, the same bytes whatever the number of workers."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from disco_dock.data.example import pack
from disco_dock.data.prepare import prepare
from disco_dock.data.shards import index_path, read_index, write_part
from disco_dock.data.sources import find_source
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.random import generator

logger = logging.getLogger(__name__)
PART_SIZE = 128  # complexes


class BuildSummary(NamedTuple):
    """Counts of a finished build."""

    complexes: int
    failures: int
    parts: int


class _Task(NamedTuple):
    source: Path
    part: Path
    ids: tuple[str, ...]


def shuffled(ids: Sequence[str]) -> list[str]:
    """The ids in an order that depends on nothing but their set, mixed so that every part is a random sample."""
    import torch

    ordered = sorted(dict.fromkeys(ids))
    return [ordered[i] for i in torch.randperm(len(ordered), generator=generator("shards")).tolist()]


def _build_part(task: _Task) -> tuple[int, int]:
    """Prepare and write one part; returns the numbers of complexes and failures."""
    packed, facts, failures = [], [], []
    for name in task.ids:
        try:
            example, fact = prepare(find_source(task.source, name))
            packed.append(pack(example))
        except InputError as error:
            failures.append({"id": name, "reason": str(error)})
            continue
        facts.append(fact)
    write_part(task.part, packed, facts, failures)
    return len(facts), len(failures)


def _finished(task: _Task) -> bool:
    """Whether the part is there with just these ids."""
    if not (task.part.exists() and index_path(task.part).exists()):
        return False
    data = read_index(task.part)
    return {row["id"] for row in (*data["complexes"], *data["failures"])} == set(task.ids)


def build(
    source: Path,
    out: Path,
    *,
    ids: Sequence[str] | None = None,
    workers: int = 1,
    on_part: Callable[[int, int], None] | None = None,
) -> BuildSummary:
    """Write the shards of a folder of complexes.

    Args:
        source: folder with one folder per complex.
        out: gets part files and their indices; finished parts are kept, so a killed build goes on.
        ids: complexes to take; all folders when None.
        workers: processes.
        on_part: called with (finished parts, all parts).

    Raises:
        InputError: no complexes are found.
    """
    names = list(ids) if ids is not None else [path.name for path in source.iterdir() if path.is_dir()]
    if not names:
        raise InputError(f"{source}: no complexes found; give a folder with one folder per complex")
    out.mkdir(parents=True, exist_ok=True)
    order = shuffled(names)
    tasks = [
        _Task(source, out / f"part-{start // PART_SIZE:05d}.safetensors", tuple(order[start : start + PART_SIZE]))
        for start in range(0, len(order), PART_SIZE)
    ]
    waiting = [task for task in tasks if not _finished(task)]
    done = len(tasks) - len(waiting)
    if workers <= 1:
        for task in waiting:
            _build_part(task)
            done += 1
            if on_part is not None:
                on_part(done, len(tasks))
    else:
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            for _ in pool.imap_unordered(_build_part, waiting):
                done += 1
                if on_part is not None:
                    on_part(done, len(tasks))
    indices = [read_index(task.part) for task in tasks]
    return BuildSummary(
        sum(len(index["complexes"]) for index in indices), sum(len(index["failures"]) for index in indices), len(tasks)
    )
