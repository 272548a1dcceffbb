"""The loop of a screening run: reads ahead, keeps the workers busy, and records every outcome at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from disco_dock.screening.ledger.store import Store
from disco_dock.screening.library.ingest import Ingest
from disco_dock.screening.messages import Failed, Failure, Outcome, Work
from disco_dock.screening.progress import ScreenProgress, Snapshot, Tally
from disco_dock.screening.workers.base import Event, Lost, WorkerPool
from disco_dock.screening.workers.batching import ONE_PER_BATCH, BatchPolicy, Queue

logger = logging.getLogger(__name__)

WINDOW = 2048  # pending ligands in memory
POLL = 0.5  # seconds to wait for news when there is nothing else to do
DEATHS = 2  # workers that a ligand may kill before it has failed


class Screen:
    """Docks all pending ligands of a store, and those of the libraries that it is still reading.

    A ligand waits in the queue, is in the pool, or is in the ledger with its outcome. When the process dies, the ledger
    still has the first two as pending.
    """

    def __init__(
        self,
        store: Store,
        ingests: Sequence[Ingest],
        pool: WorkerPool,
        *,
        progress: ScreenProgress | None = None,
        stop_after: float | None = None,
        batching: BatchPolicy = ONE_PER_BATCH,
    ) -> None:
        """Take an open store and started workers.

        Args:
            store: gets the rows and outcomes.
            ingests: libraries to read, already past what the store holds.
            pool: the workers that dock.
            progress: receives the numbers.
            stop_after: seconds after which no new ligand starts, or None.
            batching: how many ligands a worker docks in one network batch.
        """
        self._store, self._pool, self._progress = store, pool, progress
        self._ingests = [ingest for ingest in ingests if not ingest.done]
        self._stop_after = stop_after
        self._begin = time.monotonic()
        self._queue = Queue(batching)
        self._cursor = 0  # id of the last pending row that was taken into the queue
        self._in_pool: set[int] = set()
        self._tally = Tally(store.counts())

    def run(self) -> Snapshot:
        """Work until nothing is left or the time is up; returns the last numbers.

        Raises:
            DiscoError: the store cannot be written or no worker can be kept alive; what is in the ledger stays.
        """
        while True:
            stopping = self._stop_after is not None and time.monotonic() - self._begin >= self._stop_after
            self._read_ahead()
            if not stopping:
                self._submit()
            if not self._in_pool and (stopping or not (self._queue or self._ingests)):
                break
            self._take(self._pool.wait(0.0 if self._ingests else POLL))
            self._tell("progress")
        return self._tell("end")

    def _tell(self, event: str) -> Snapshot:
        snapshot = self._tally.snapshot(reading=bool(self._ingests), event=event)
        if self._progress is not None:
            self._progress.update(snapshot)
        return snapshot

    def _read_ahead(self) -> None:
        """Enter the next records of the libraries, and fill the queue from the ledger's pending rows."""
        if self._ingests:
            self._tally.add(self._ingests[0].read_chunk())
            if self._ingests[0].done:
                del self._ingests[0]
        if len(self._queue) < WINDOW // 2:
            works = self._store.pending(self._cursor, WINDOW - len(self._queue))
            if works:
                self._cursor = works[-1].id
                self._queue.add(works)

    def _submit(self) -> None:
        while self._pool.has_room():
            batch = self._queue.take(self._queue.batch_size(self._pool.workers))
            if batch is None:
                return
            self._in_pool.update(work.id for work in batch.works)
            self._pool.submit(batch)

    def _take(self, events: Sequence[Event]) -> None:
        """Record outcomes in one transaction, and requeue the work of lost workers."""
        outcomes: list[Outcome] = []
        for event in events:
            if isinstance(event, Lost):
                outcomes.extend(self._after_loss(event))
            elif event.id in self._in_pool:
                outcomes.append(event)
        if not outcomes:
            return
        self._store.record(outcomes)
        for outcome in outcomes:
            self._in_pool.discard(outcome.id)
            self._tally.count(outcome)

    def _after_loss(self, lost: Lost) -> list[Outcome]:
        """Requeue the work of a lost worker; a ligand that killed too many workers has failed.

        If several ligands may have killed it, each is docked alone; only a death over a single ligand counts.
        """
        self._tally.workers_lost += 1
        names = ", ".join(work.name for work in lost.suspects[:4])
        logger.warning("a worker was replaced (%s) while it docked %s", lost.detail, names or "nothing")
        self._requeue(lost.others, alone=False)
        if len(lost.suspects) != 1:
            self._requeue(lost.suspects, alone=True)
            return []
        suspect = lost.suspects[0]
        if lost.reason == "timeout":
            hint = "raise --ligand-timeout, or dock it alone with disco-dock predict"
            return [Failed(id=suspect.id, failure=Failure(code="timeout", message=lost.detail, hint=hint))]
        attempts = suspect.attempts + 1
        self._store.count_attempt(suspect.id, attempts)
        if attempts >= DEATHS:
            message = f"{attempts} workers died over it; {lost.detail}"
            hint = "dock it alone with disco-dock predict --debug, then disco-dock screen retry-failed"
            return [Failed(id=suspect.id, failure=Failure(code="crashed", message=message, hint=hint))]
        again = Work(
            id=suspect.id,
            smiles=suspect.smiles,
            name=suspect.name,
            heavy_atoms=suspect.heavy_atoms,
            attempts=attempts,
        )
        self._requeue((again,), alone=True)
        return []

    def _requeue(self, works: Sequence[Work], *, alone: bool) -> None:
        self._in_pool.difference_update(work.id for work in works)
        if alone:
            self._queue.add_alone(works)
        else:
            self._queue.add(works)
