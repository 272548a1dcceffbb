"""The inside of a worker process: takes batches from a pipe and sends each outcome as soon as it is known."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection

from rdkit import RDLogger

from disco_dock.runtime.errors import DiscoError
from disco_dock.screening.workers.base import MakeDocker, chunks


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has loaded its networks."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The worker cannot work, and why."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Started:
    """The worker starts some ligands, in one network batch."""

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Idle:
    """The worker has done a batch."""


def serve(pipe: Connection, make: MakeDocker) -> None:
    """Dock what comes through the pipe until it closes.

    An error that is not a `DiscoError` ends the process; the main process counts this against the ligand.
    """
    silence_libraries()
    try:
        dock = make()
    except DiscoError as error:
        pipe.send(Refused(str(error)))
        return
    pipe.send(Ready())
    while True:
        try:
            batch = pipe.recv()
        except EOFError:
            return
        for works in chunks(batch.works, dock.together):
            pipe.send(Started(tuple(work.id for work in works)))
            for outcome in dock(works):
                pipe.send(outcome)
        pipe.send(Idle())


def silence_libraries() -> None:
    """Keep RDKit's and Biopython's own messages off the terminal; ours say what matters."""
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    warnings.simplefilter("ignore")
