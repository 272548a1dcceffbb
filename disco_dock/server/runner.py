"""The server's side of a process that docks: it is started, fed, stopped, and replaced when it dies."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from disco_dock.runtime.child_process import Child
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
        self._child: Child | None = None

    def start(self, stop: Callable[[], bool]) -> str | None:
        """Start the process unless it is there, and wait until it has loaded the networks.

        Args:
            stop: asked while waiting; True ends the process.

        Returns:
            None when it is ready, else why it is not.
        """
        if self._child is not None and self._child.alive():
            return None
        self.close()
        self._child = child = Child(serve_jobs, self._arguments)
        try:
            while not child.poll(POLL):
                if stop():
                    self.close()
                    return "the server is stopping"
            kind, *values = child.recv()
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
        child = self._child
        assert child is not None
        asked: float | None = None
        try:
            child.send(("dock", str(folder), job.model_dump_json()))
            while True:
                if asked is None and stop():
                    asked = time.monotonic()
                    child.send(("stop",))
                if asked is not None and time.monotonic() - asked > PATIENCE:
                    self.close()
                    return Outcome("stopped")
                if not child.poll(POLL):
                    continue
                kind, *values = child.recv()
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
        if self._child is not None:
            self._child.end()
        self._child = None
