"""The process that docks: the networks are loaded once, then job after job comes through a pipe."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disco_dock.runtime.errors import DiscoError, InputError
from disco_dock.runtime.notes import Caution
from disco_dock.server.records import FILES, Job
from disco_dock.server.store import INPUT, OUTPUT
from disco_dock.server.wording import form_words

if TYPE_CHECKING:
    from disco_dock.docking.engine import Engine
    from disco_dock.docking.runs.inputs import JobList
    from disco_dock.docking.runs.summary import ComplexSummary

logger = logging.getLogger(__name__)

Loader = Callable[[], "Engine"]
Tell = Callable[..., None]
"""Sends the name of a message and its values to the server."""

HERE, OUT = Path(), Path("..", OUTPUT)
INTERVAL = 0.2  # seconds between two messages of progress
SAMPLED = 0.75  # share of a complex's docking that sampling takes
REPORTED = 0.3  # share of a job that its reports take


class StoppedError(Exception):
    """The server asked to leave the job."""


def load_bundled(checkpoint: Path | None, device: str) -> Engine:
    """The engine of a checkpoint; imports what is heavy only in the process that calls it."""
    from disco_dock.docking.engine import load_engine

    return load_engine(checkpoint, device)


def serve_jobs(pipe: Connection, load: Loader, threads: int | None, max_ligands: int) -> None:
    """Body of the process: dock what comes through the pipe until it closes.

    Messages to the server: ("ready",), ("unusable", sentence), ("progress", fraction, stage), ("note", sentence),
    ("warning", sentence), and one of ("done", complexes), ("failed", sentence), ("stopped",) for each job.

    Args:
        pipe: to the server.
        load: gives the engine.
        threads: for the numerics, or None for the library's own choice.
        max_ligands: that a job may have.
    """
    try:
        if threads is not None:
            import torch

            torch.set_num_threads(threads)
        engine = load()
    except Exception as error:  # whatever is wrong, the server has to hear of it as a sentence
        pipe.send(("unusable", _sentence(error)))
        return
    pipe.send(("ready",))
    while True:
        try:
            kind, *values = pipe.recv()
        except (EOFError, OSError):
            return
        if kind == "stop":  # it came when the job had just ended
            continue
        folder, record = values
        try:
            answer = ("done", dock_job(engine, Path(folder), Job.model_validate_json(record), pipe, max_ligands))
        except StoppedError:
            answer = ("stopped",)
        except DiscoError as error:
            answer = ("failed", _sentence(error))
        except Exception as error:  # a bug in one job must not end the others
            logger.exception("a job failed unexpectedly")
            answer = ("failed", _sentence(error))
        pipe.send(answer)


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, DiscoError):
        return form_words(text)
    if isinstance(error, MemoryError) or "out of memory" in text.lower():
        return "there was not enough memory; try fewer poses, or a smaller protein or ligand"
    return f"unexpected {type(error).__name__}: {text or 'no message'}"


def dock_job(engine: Engine, folder: Path, job: Job, pipe: Connection, max_ligands: int) -> list[dict[str, Any]]:
    """Dock the ligands of a job into `out/<name>` and return what `Complex` says of each.

    The process docks among the job's input files, so that no message and no file names a path of this machine, and goes
    back before the reports, for which another Python is started. Complexes that an earlier process finished are taken
    as they are.

    Raises:
        DiscoError: none could be docked.
        StoppedError: the server asked for it.
    """
    from disco_dock.docking.runs.run import Run

    reports = job.source != "nim" and job.options.report
    progress = JobProgress(pipe, 1 - REPORTED if reports else 1.0)
    progress.say(0.0, "reading the files")
    with _inside(folder / INPUT):
        settings = job.options.settings(next(HERE.glob("pocket.*"), None))
        if job.source == "nim":  # its answer has no room for a verdict
            settings = replace(settings, check_poses=0)
        rows = Run(engine, settings, OUT, progress=progress).dock_batch(_jobs(job, max_ligands).jobs)
    if all(row.status == "failed" for row in rows):
        first = rows[0].message
        raise InputError(
            first if len(rows) == 1 else f"none of the {len(rows)} ligands could be docked; first, {first}"
        )
    out = folder / OUTPUT
    return [_complex(job, out, number, len(rows), row, progress) for number, row in enumerate(rows, start=1)]


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Make a folder the current one for a while."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _jobs(job: Job, max_ligands: int) -> JobList:
    """The complexes of a job; a single one gets the job's title for its name."""
    from dataclasses import replace
    from itertools import islice

    from disco_dock.docking.runs.inputs import JobList, jobs_of_ligands, ligand_reader
    from disco_dock.docking.runs.names import safe_name

    options = job.options
    read = ligand_reader(
        options.template_smiles,
        options.largest_fragment,
        options.stereo_isomers,
        protonate=options.protonate,
    )
    protein, ligand = next(HERE.glob("protein.*")), next(HERE.glob("ligand.*"))
    found = jobs_of_ligands(protein, ligand, lambda spec: islice(read(spec), max_ligands + 1))
    if len(found.jobs) > max_ligands:
        raise InputError(f"more than {max_ligands} ligands; this server docks no more in one job, so split the file")
    if found.single is None:
        return found
    return JobList(jobs=(replace(found.single, name=safe_name(job.title)),))


def _complex(
    job: Job, out: Path, number: int, total: int, row: ComplexSummary, progress: JobProgress
) -> dict[str, Any]:
    """One complex with its report and files."""
    folder = out / row.name
    if row.status == "failed":
        return {"number": number, "name": row.name, "status": "failed", "message": row.message}
    if job.source == "nim":
        from disco_dock.server.nim.poses import write_poses

        write_poses(folder)
    elif job.options.report:
        progress.say(1 - REPORTED + REPORTED * (number - 1) / total, "writing the report")
        _report(folder, progress)
    return {
        "number": number,
        "name": row.name,
        "status": "ok",
        "smiles": row.smiles,
        "num_poses": row.num_poses,
        "confidence": row.confidence,
        "p_rmsd_under_2": row.p_rmsd_under_2,
        "trust": row.trust,
        "vina_score": row.vina_score,
        "contact_score": row.contact_score,
        "valid": row.valid,
        "key_residues": row.key_residues or "",
        "clash_count": row.clash_count,
        "files": [name for name in FILES if (folder / name).is_file()],
    }


def _report(folder: Path, progress: JobProgress) -> None:
    """Write the report; without it the poses are still there."""
    from disco_dock.report.page import write_report

    try:
        write_report(folder)
    except DiscoError as error:
        progress.note(f"no report was written: {error}")


class JobProgress:
    """Progress of a run for the server, a few times per second; stops the run when the server asks for it."""

    def __init__(self, pipe: Connection, docking: float) -> None:
        """Send to a pipe; `docking` is the share of the job that docking is, the rest being reports."""
        self._pipe, self._docking = pipe, docking
        self._number, self._total, self._told, self._noted = 1, 1, 0.0, set[str]()

    def say(self, fraction: float, stage: str) -> None:
        """Tell a fraction of the whole job and what is done now."""
        if self._pipe.poll():  # the server says nothing but "stop" while a job runs
            self._pipe.recv()
            raise StoppedError
        self._told = time.monotonic()
        self._pipe.send(("progress", min(fraction, 1.0), stage))

    def start(self, name: str, number: int, total: int) -> None:
        """Complex `number` of `total` begins."""
        self._number, self._total = number, total
        self._part(0.02, "preparing")

    def step(self, done: int, total: int) -> None:
        """`done` of `total` steps of sampling are finished."""
        if done >= total:
            self._part(SAMPLED, "minimising and ranking")
        elif time.monotonic() - self._told > INTERVAL:
            self._part(0.02 + (SAMPLED - 0.02) * done / total, "sampling poses")

    def note(self, text: str) -> None:
        """Pass a sentence on, each once."""
        if text not in self._noted:
            self._noted.add(text)
            self._pipe.send(("warning" if isinstance(text, Caution) else "note", form_words(text)))

    def finish(self, row: ComplexSummary) -> None:
        """The complex is done."""
        self._part(1.0, "writing")

    def _part(self, share: float, stage: str) -> None:
        which = f" ({self._number} of {self._total})" if self._total > 1 else ""
        self.say(self._docking * (self._number - 1 + share) / self._total, stage + which)
