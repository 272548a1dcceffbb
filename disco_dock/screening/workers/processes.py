"""Docking in processes of this machine, each with its own networks; a dead or stuck one is replaced."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Literal

from disco_dock.runtime.child_process import Child
from disco_dock.screening.ledger.errors import EngineError
from disco_dock.screening.messages import Docked, Failed, Work
from disco_dock.screening.plan import Batch
from disco_dock.screening.workers.base import Event, Lost, MakeDocker
from disco_dock.screening.workers.process_body import Idle, Ready, Refused, Started, serve

QUEUED = 2  # batches that a worker has, so that it never waits for the next
STARTS = 3  # attempts to start a worker before the run gives up
LONGEST_TICK = 5.0  # seconds; a longer gap between two looks means that the whole run was paused


@dataclass(eq=False)
class _Worker:
    """A process and its work.

    Attributes:
        child: the process.
        works: ligands without an answer, in order.
        batches: number of unfinished batches.
        current: ids of the ligands at work.
        limit: number of ligands started together; the time limit counts for each.
        seconds: time spent on them.
        ready: whether it has loaded the networks.
    """

    child: Child
    works: list[Work] = field(default_factory=list)
    batches: int = 0
    current: set[int] = field(default_factory=set)
    limit: int = 1
    seconds: float = 0.0
    ready: bool = False


class ProcessPool:
    """`workers` processes, each ligand limited to `ligand_seconds` of wall time."""

    def __init__(self, make: MakeDocker, workers: int, *, ligand_seconds: float, start_seconds: float = 300.0) -> None:
        """Dock with the result of `make`, which is called in each process and can be pickled.

        Args:
            make: loads networks and receptor.
            workers: processes.
            ligand_seconds: time limit of a ligand; time in which the whole run is paused does not count.
            start_seconds: time limit of loading.
        """
        self._make, self._count = make, workers
        self._ligand_seconds, self._start_seconds = ligand_seconds, start_seconds
        self._workers: list[_Worker] = []
        self._failed_starts = 0
        self._looked = time.monotonic()

    @property
    def workers(self) -> int:
        """Number of processes."""
        return self._count

    def __enter__(self) -> ProcessPool:
        """Start the processes."""
        self._workers = [self._start() for _ in range(self._count)]
        self._looked = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes at once."""
        for worker in self._workers:
            worker.child.end()
        self._workers = []

    def process_ids(self) -> list[int]:
        """Process ids of the workers."""
        return [worker.child.pid for worker in self._workers if worker.child.pid is not None]

    def has_room(self) -> bool:
        """Whether a worker can take another batch."""
        return any(worker.batches < QUEUED for worker in self._workers)

    def submit(self, batch: Batch) -> None:
        """Give a batch to the worker with the least work."""
        worker = min(self._workers, key=lambda one: (one.batches, len(one.works)))
        worker.works.extend(batch.works)
        worker.batches += 1
        try:
            worker.child.send(batch)
        except OSError:
            pass  # it died; `wait` finds out and gives the work back

    def wait(self, seconds: float) -> list[Event]:
        """Outcomes of the workers; dead and stuck workers are replaced, and their work comes back as `Lost`."""
        wait([one for worker in self._workers for one in worker.child.waitable], timeout=seconds)
        events: list[Event] = []
        for worker in list(self._workers):
            if not self._receive(worker, events) or not worker.child.alive():
                self._receive(worker, events)  # messages that came in between
                events.extend(self._replace(worker, "crashed"))
        now = time.monotonic()
        passed, self._looked = min(now - self._looked, LONGEST_TICK), now
        for worker in list(self._workers):
            worker.seconds += passed
            if worker.current and worker.seconds > self._ligand_seconds * worker.limit:
                events.extend(self._replace(worker, "timeout"))
            elif not worker.ready and worker.seconds > self._start_seconds:
                events.extend(self._replace(worker, "crashed"))
        return events

    def _receive(self, worker: _Worker, events: list[Event]) -> bool:
        """Read all messages of a worker; False when it is gone."""
        try:
            while worker.child.poll():
                message = worker.child.recv()
                if isinstance(message, Docked | Failed):
                    worker.works = [work for work in worker.works if work.id != message.id]
                    worker.current.discard(message.id)
                    events.append(message)
                elif isinstance(message, Started):
                    worker.current, worker.limit, worker.seconds = set(message.ids), len(message.ids), 0.0
                elif isinstance(message, Idle):
                    worker.batches -= 1
                elif isinstance(message, Ready):
                    worker.ready, self._failed_starts = True, 0
                elif isinstance(message, Refused):
                    raise EngineError(message.sentence)
        except (EOFError, OSError):  # closed, possibly in the middle of a message
            return False
        return True

    def _replace(self, worker: _Worker, reason: Literal["crashed", "timeout"]) -> Iterator[Event]:
        """End a worker, start another in its place, and give back its work."""
        worker.child.end()
        code = worker.child.exit_code
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= STARTS:
                raise EngineError(
                    f"a worker died {STARTS} times before it had loaded the networks (exit status {code}); use fewer "
                    "--workers or a machine with more memory"
                )
        self._workers[self._workers.index(worker)] = self._start()
        suspects = tuple(work for work in worker.works if work.id in worker.current)
        others = tuple(work for work in worker.works if work.id not in worker.current)
        if not worker.works:
            return
        how = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
        late = f"took more than {self._ligand_seconds:g} s"
        detail = late if reason == "timeout" else f"the worker ended with {how}"
        yield Lost(suspects=suspects, others=others, reason=reason, detail=detail)

    def _start(self) -> _Worker:
        with _threads_each(self._count):
            return _Worker(child=Child(serve, [self._make]))


@contextmanager
def _threads_each(workers: int) -> Iterator[None]:
    """Share the processors among the workers that are started in the block, unless OMP_NUM_THREADS says how."""
    if "OMP_NUM_THREADS" in os.environ:
        yield
        return
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // workers))
    try:
        yield
    finally:
        del os.environ["OMP_NUM_THREADS"]
