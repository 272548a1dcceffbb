"""The server's side of a process that docks: it is started, fed, stopped, and replaced when it dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal, NamedTuple

from disco_dock.server.records import Job
from disco_dock.server.worker import Loader, serve_jobs

POLL = 0.1  # seconds between two looks at the pipe
PATIENCE = 5.0  # seconds that a process may take to leave a job before it is killed
DIED = "the docking process died, probably for lack of memory; try fewer poses, or a smaller protein or ligand"


class Outcome(NamedTuple):
    """How a job ended in the process: its complexes, or one sentence on what went wrong."""

    kind: Literal["done", "failed", "stopped"]
    complexes: list[dict[str, Any]] = []
    sentence: str = ""


class Runner:
    """One process that docks jobs, one at a time.

    Args:
        load: gives the engine in the process; it can be pickled.
        threads: for the process's numerics, or None for the library's own choice.
        max_ligands: that a job may have.
    """

    def __init__(self, load: Loader, threads: int | None, max_ligands: int) -> None:
        self._arguments = (load, threads, max_ligands)
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def start(self, stop: Callable[[], bool]) -> str | None:
        """Start the process unless it is there, and wait until it has loaded the networks.

        Args:
            stop: asked while waiting; True ends the process.

        Returns:
            None when it is ready, else why it is not.
        """
        if self._process is not None and self._process.is_alive():
            return None
        self.close()
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=serve_jobs, args=(other, *self._arguments), daemon=True)
        with _interrupts_blocked():
            self._process.start()
        other.close()
        try:
            while not self._pipe.poll(POLL):
                if stop():
                    self.close()
                    return "the server is stopping"
            kind, *values = self._pipe.recv()
        except (EOFError, OSError):
            kind, values = "unusable", [DIED]
        if kind == "ready":
            return None
        self.close()
        return values[0]

    def dock(self, job: Job, folder: Path, hear: Callable[..., None], stop: Callable[[], bool]) -> Outcome:
        """Dock a job in the process, which has been started.

        Args:
            job: its record.
            folder: with its input files.
            hear: called with ("progress", fraction, stage) and ("note", sentence).
            stop: asked again and again; True makes the process leave the job.
        """
        assert self._pipe is not None
        asked: float | None = None
        try:
            self._pipe.send(("dock", str(folder), job.model_dump_json()))
            while True:
                if asked is None and stop():
                    asked = time.monotonic()
                    self._pipe.send(("stop",))
                if asked is not None and time.monotonic() - asked > PATIENCE:
                    self.close()
                    return Outcome("stopped")
                if not self._pipe.poll(POLL):
                    continue
                kind, *values = self._pipe.recv()
                if kind == "done":
                    return Outcome("done", complexes=values[0])
                if kind == "failed":
                    return Outcome("failed", sentence=values[0])
                if kind == "stopped":
                    return Outcome("stopped")
                hear(kind, *values)
        except (EOFError, OSError):
            self.close()
            return Outcome("failed", sentence=DIED) if asked is None else Outcome("stopped")

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Processes started in the block never see Ctrl-C, which a terminal sends to all; the server ends them itself."""
    if os.name != "posix":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
