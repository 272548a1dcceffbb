"""Batches made ahead of time by a background thread, in order."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Batch = TypeVar("Batch")


class Prefetcher(Generic[Batch]):
    """Calls `make(step)` for the next steps before they are asked for.

    Args:
        make: step -> batch, a function of the step only.
        ahead: batches kept ready.
    """

    def __init__(self, make: Callable[[int], Batch], ahead: int = 2) -> None:
        self._make, self._ahead = make, ahead
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        self._futures: dict[int, Future[Batch]] = {}

    def __call__(self, step: int) -> Batch:
        """The batch of a step; the following ones are put in the queue."""
        for wanted in range(step, step + self._ahead + 1):
            if wanted not in self._futures:
                self._futures[wanted] = self._pool.submit(self._make, wanted)
        self._futures = {key: future for key, future in self._futures.items() if key >= step}
        return self._futures.pop(step).result()

    def close(self) -> None:
        """Stop the thread."""
        self._pool.shutdown(wait=True, cancel_futures=True)
