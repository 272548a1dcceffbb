"""Build shards from a folder of complexes: parallel, resumable, the same bytes whatever the number of workers."""

from __future__ import annotations

import csv
import io
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import rdkit

from disco_dock.data.example import TrainingExample, pack
from disco_dock.data.prepare import prepare
from disco_dock.data.shards import index_path, part_files, read_index, write_part
from disco_dock.data.sources import Source, SourceFolder
from disco_dock.runtime.child_process import end_with_parent
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.files import atomic_write
from disco_dock.runtime.random import generator

PART_SIZE = 128  # complexes
FAILURES_FILE = "failures.csv"
RECIPE = f"rdkit {rdkit.__version__}"
"""Of parts for networks that read the C-alpha trace."""
DIED = (
    "the process that prepared it died, by lack of memory or a fault in a library; leave it out, or use fewer workers"
)

Prepare = Callable[[Source], tuple[TrainingExample, dict[str, Any]]]


class BuildSummary(NamedTuple):
    """Counts of a finished build."""

    complexes: int
    failures: int
    parts: int


@dataclass(frozen=True)
class _Task:
    """One part to write.

    Attributes:
        source: folder of complexes.
        part: file to write.
        ids: complexes in order.
        prepare: how to read one.
        deadly: complexes that killed the process before, not to be tried again.
    """

    source: Path
    part: Path
    ids: tuple[str, ...]
    prepare: Prepare
    deadly: frozenset[str] = frozenset()

    @property
    def recipe(self) -> str:
        """Everything besides the files that decides the content; a part made by another recipe is built again."""
        return RECIPE if self.prepare is prepare else f"{RECIPE} {self.prepare.__name__}"

    @property
    def marker(self) -> Path:
        """File that names the complex at work, for the case that the process dies with it."""
        return self.part.with_suffix(".current")


def shuffled(ids: Sequence[str]) -> list[str]:
    """The ids in an order that depends on nothing but their set, mixed so that every part is a random sample."""
    import torch

    ordered = sorted(dict.fromkeys(ids))
    return [ordered[i] for i in torch.randperm(len(ordered), generator=generator("shards")).tolist()]


def build(
    source: Path,
    out: Path,
    *,
    ids: Sequence[str] | None = None,
    workers: int = 1,
    on_part: Callable[[int, int], None] | None = None,
    prepare: Prepare = prepare,
) -> BuildSummary:
    """Write the shards of a folder of complexes, and `failures.csv` with the reason of every complex left out.

    Args:
        source: folder in one of the layouts of `SourceFolder`.
        out: gets part files and their indices; finished parts are kept, so a killed build continues.
        ids: complexes to take; all of the folder when None.
        workers: processes; each holds one part in memory.
        on_part: called with (finished parts, all parts).
        prepare: reads one complex; a function of a module, so that processes can share it.

    Raises:
        InputError: no complexes are found, or `out` holds shards of other complexes.
    """
    names = list(ids) if ids is not None else SourceFolder(source).names()
    out.mkdir(parents=True, exist_ok=True)
    order = shuffled(names)
    _check_out(out, set(order))
    tasks = [
        _Task(
            source, out / f"part-{start // PART_SIZE:05d}.safetensors", tuple(order[start : start + PART_SIZE]), prepare
        )
        for start in range(0, len(order), PART_SIZE)
    ]
    waiting = [task for task in tasks if not _finished(task)]
    done = len(tasks) - len(waiting)
    for _ in map(_build_part, waiting) if workers <= 1 else _in_processes(waiting, workers):
        done += 1
        if on_part is not None:
            on_part(done, len(tasks))
    for stale in set(part_files(out)) - {task.part for task in tasks}:  # fewer ids than last time
        index_path(stale).unlink()
        stale.unlink()
    indices = [read_index(task.part) for task in tasks]
    _write_failures(out / FAILURES_FILE, [row for index in indices for row in index["failures"]])
    return BuildSummary(
        sum(len(index["complexes"]) for index in indices), sum(len(index["failures"]) for index in indices), len(tasks)
    )


def _build_part(task: _Task) -> None:
    """Prepare and write one part; a complex that cannot be used becomes a failure with its reason."""
    folder = SourceFolder(task.source)
    packed, facts, failures = [], [], []
    for name in task.ids:
        task.marker.write_text(name, encoding="utf-8")
        try:
            if name in task.deadly:
                raise InputError(DIED)
            example, fact = task.prepare(folder.find(name))
            packed.append(pack(example))
        except InputError as error:
            failures.append({"id": name, "reason": str(error)})
        except (ArithmeticError, LookupError, RuntimeError, ValueError) as error:  # of a library, on input it dislikes
            reason = " ".join(str(error).split()) or "no message"
            failures.append({"id": name, "reason": f"unexpected {type(error).__name__}: {reason}"})
        else:
            facts.append(fact)
    write_part(task.part, packed, facts, failures, recipe=task.recipe)
    task.marker.unlink()


def _pool(workers: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_parent)


def _in_processes(tasks: Sequence[_Task], workers: int) -> Iterator[None]:
    """Build the parts in several processes; yields after each. A complex that kills its process becomes a failure."""
    waiting = {task.part: task for task in tasks}
    while waiting:
        try:
            with _pool(workers) as pool:
                futures = {pool.submit(_build_part, task): part for part, task in waiting.items()}
                for future in as_completed(futures):
                    future.result()
                    del waiting[futures[future]]
                    yield
        except BrokenProcessPool:
            begun = [part for part, task in waiting.items() if task.marker.exists()]
            if not begun:  # died before any complex, as a process that cannot start does
                raise InputError("a worker process could not be started; check the memory or use --workers 1") from None
            for part in begun:
                _build_alone(waiting.pop(part))
                yield


def _build_alone(task: _Task) -> None:
    """Build one part in processes of its own until none dies, leaving out the complexes that killed them."""
    while True:
        task.marker.unlink(missing_ok=True)
        try:
            with _pool(1) as pool:
                return pool.submit(_build_part, task).result()
        except BrokenProcessPool:
            name = task.marker.read_text(encoding="utf-8")
            task = replace(task, deadly=task.deadly | {name})


def _finished(task: _Task) -> bool:
    """Whether the part is there with just these ids, made the same way."""
    if not (task.part.exists() and index_path(task.part).exists()):
        return False
    data = read_index(task.part)
    return data.get("recipe") == task.recipe and _ids(data) == set(task.ids)


def _ids(index: dict[str, Any]) -> set[str]:
    return {row["id"] for row in (*index["complexes"], *index["failures"])}


def _check_out(out: Path, wanted: set[str]) -> None:
    """Refuse a folder whose shards would be overwritten by those of other complexes."""
    for part in part_files(out):
        if strange := _ids(read_index(part)) - wanted:
            raise InputError(f"{out}: holds shards of other complexes, such as {min(strange)}; give another folder")


def _write_failures(path: Path, failures: Sequence[dict[str, str]]) -> None:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=["id", "reason"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(failures, key=lambda row: row["id"]))
    with atomic_write(path, "w") as file:
        file.write(buffer.getvalue())
