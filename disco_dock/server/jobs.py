"""The queue of jobs: first come, first docked; every change of state is on disk before anybody hears of it."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from disco_dock.runtime.errors import DiscoError, InputError
from disco_dock.server.options import JobOptions
from disco_dock.server.records import FINISHED, REPORT, Complex, Job, JobView
from disco_dock.server.runner import Runner
from disco_dock.server.settings import ServeSettings
from disco_dock.server.store import JobStore
from disco_dock.server.worker import Loader, load_bundled

logger = logging.getLogger(__name__)

DAY = 86400.0  # seconds
MAX_ATTEMPTS = 3
TIDY_INTERVAL = 60.0  # seconds between two looks for jobs to delete
STAGES = {"queued": "waiting", "running": "starting", "done": "done", "failed": "failed", "cancelled": "cancelled"}


class QueueFullError(DiscoError):
    """As many jobs wait as the server accepts."""

    code = "queue_full"


class UnknownJobError(DiscoError):
    """There is no job of that id."""

    code = "unknown_job"


@dataclass
class _Live:
    """What is known of a job that runs and is not worth keeping."""

    progress: float = 0.0
    stage: str = "starting"
    leave: bool = False
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class JobQueue:
    """Jobs in a store and the processes that dock them; all methods may be called from any thread.

    Args:
        settings: limits, store and checkpoint.
        load: gives the engine in each process; None for that of the settings.

    Raises:
        ConfigError: the store cannot be used.
    """

    def __init__(self, settings: ServeSettings, load: Loader | None = None) -> None:
        self.settings = settings
        self.store = JobStore(settings.store)
        self._load = load or partial(load_bundled, settings.checkpoint, settings.device)
        self._changed = threading.Condition(threading.RLock())
        self._jobs: dict[str, Job] = {}
        self._live: dict[str, _Live] = {}
        self._closing = False
        self._ready = False
        self._trouble: str | None = None
        self._threads = [
            threading.Thread(target=self._work, name=f"docking {number}", daemon=True)
            for number in range(settings.workers)
        ]

    def start(self) -> None:
        """Take up the jobs of an earlier server and begin to dock."""
        with self._changed:
            for job in self.store.load():
                self._jobs[job.id] = job
                if job.state == "running":  # the server was killed meanwhile
                    if job.attempts >= MAX_ATTEMPTS:
                        self._end(job, "failed", error=f"the server ended {job.attempts} times while this job ran")
                    else:
                        self._put(job.model_copy(update={"state": "queued"}))
        self._tidy()
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop docking; a job that runs waits for the next server, which goes on with what is finished of it."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self.store.close()

    @property
    def ready(self) -> bool:
        """Whether a process has loaded its networks."""
        return self._ready

    @property
    def trouble(self) -> str | None:
        """Why the last process that failed to load its networks did, or None."""
        return self._trouble

    def waiting(self) -> list[Job]:
        """Jobs in the queue, the next first."""
        with self._changed:
            found = [job for job in self._jobs.values() if job.state == "queued"]
        return sorted(found, key=lambda job: (job.created, job.id))

    def check_room(self) -> None:
        """Raise QueueFullError when no more jobs may wait."""
        if len(self.waiting()) >= self.settings.max_queue:
            raise QueueFullError(
                f"{self.settings.max_queue} jobs are waiting, and this server lets no more wait; try again later"
            )

    def submit(
        self,
        files: Mapping[str, bytes],
        options: JobOptions,
        *,
        title: str,
        protein: str,
        ligand: str,
        source: str = "api",
    ) -> Job:
        """A new job in the queue.

        Args:
            files: input files by the name that the server gives them.
            options: what is asked for.
            title: name of the job.
            protein: for display.
            ligand: for display.
            source: "api", "mcp" or "nim".

        Raises:
            QueueFullError: as many jobs wait as may.
        """
        with self._changed:
            self.check_room()
            job = Job.model_validate(
                {
                    "id": secrets.token_hex(16),
                    "title": title,
                    "source": source,
                    "protein": protein,
                    "ligand": ligand,
                    "options": options,
                    "created": time.time(),
                }
            )
            self.store.create(job, files)
            self._jobs[job.id] = job
            self._changed.notify_all()
        logger.info("job %s (%s) is queued", job.id, job.title)
        self._tidy()
        return job

    def get(self, job_id: str) -> Job:
        """The job of an id.

        Raises:
            UnknownJobError: there is none.
        """
        with self._changed:
            if job_id not in self._jobs:
                raise UnknownJobError("there is no job of that id; it may have been deleted")
            return self._jobs[job_id]

    def views(self) -> list[JobView]:
        """All jobs, the newest first."""
        with self._changed:
            places = {job.id: place for place, job in enumerate(self.waiting(), start=1)}
            jobs = sorted(self._jobs.values(), key=lambda job: (job.created, job.id), reverse=True)
            return [self._view(job, places.get(job.id)) for job in jobs]

    def view(self, job_id: str) -> JobView:
        """A job as clients see it.

        Raises:
            UnknownJobError: there is none.
        """
        with self._changed:
            job = self.get(job_id)
            places = [one.id for one in self.waiting()] if job.state == "queued" else []
            return self._view(job, places.index(job_id) + 1 if job_id in places else None)

    def _view(self, job: Job, position: int | None) -> JobView:
        live = self._live.get(job.id) if job.state == "running" else None
        first = next((one for one in job.complexes if REPORT in one.files), None)
        return JobView(
            **{name: getattr(job, name) for name in Job.model_fields if name not in ("warnings", "notes")},
            warnings=job.warnings if live is None else tuple(live.warnings),
            notes=job.notes if live is None else tuple(live.notes),
            progress=live.progress if live is not None else float(job.state == "done"),
            stage=live.stage if live is not None else STAGES[job.state],
            position=position,
            report=None if first is None else f"/api/v1/jobs/{job.id}/report?complex={first.number}",
        )

    def cancel(self, job_id: str) -> None:
        """Stop a job that waits or runs; one that has ended stays as it is.

        Raises:
            UnknownJobError: there is none.
        """
        with self._changed:
            job = self.get(job_id)
            if job.state not in FINISHED:
                self._end(job, "cancelled")  # on disk at once; a process that is at it leaves soon
                if job_id in self._live:
                    self._live[job_id].leave = True

    def share(self, job_id: str, shared: bool) -> None:
        """Let whoever knows a key read the reports of a finished job, or no longer.

        Raises:
            UnknownJobError: there is no such job.
            InputError: it has no report.
        """
        with self._changed:
            job = self.get(job_id)
            if shared and not any(REPORT in one.files for one in job.complexes):
                raise InputError(f"the job is {job.state} and has no report to share; wait until it is done")
            if shared != (job.share is not None):
                self._put(job.model_copy(update={"share": secrets.token_hex(16) if shared else None}))

    def shared(self, key: str) -> Job:
        """The job whose reports a key opens.

        Raises:
            UnknownJobError: there is none.
        """
        with self._changed:
            for job in self._jobs.values():
                if job.share is not None and secrets.compare_digest(job.share.encode(), key.encode()):
                    return job
        raise UnknownJobError("nothing is shared under this address; it may have been withdrawn or deleted")

    def remove(self, job_id: str) -> None:
        """Delete a job with its files, stopping it before when needed.

        Raises:
            UnknownJobError: there is none.
        """
        self.cancel(job_id)
        with self._changed:
            del self._jobs[job_id]  # a process that is still at it finds the job gone when it ends
            if job_id not in self._live:
                self.store.delete(job_id)

    def _work(self) -> None:
        """Dock job after job until the queue is closed."""
        cores = os.cpu_count() or 1
        threads = max(1, cores // self.settings.workers) if self.settings.workers > 1 else None
        runner = Runner(self._load, threads, self.settings.max_ligands)
        self._prepare(runner)
        while (job := self._take()) is not None:
            trouble = self._prepare(runner)
            with self._changed:
                live = self._live[job.id]
            if trouble is None:
                outcome = runner.dock(
                    job, self.store.path(job.id), partial(self._hear, live), partial(self._left, live)
                )
                complexes = tuple(Complex.model_validate(one) for one in outcome.complexes)
                self._settle(job, live, outcome.kind, outcome.sentence, complexes)
            else:
                self._settle(job, live, "stopped" if self._closing else "failed", trouble, ())
            self._tidy()
        runner.close()

    def _prepare(self, runner: Runner) -> str | None:
        """Start the runner's process when it is not there; why that failed, else None."""
        trouble = runner.start(lambda: self._closing)
        with self._changed:
            if trouble is None:
                self._ready, self._trouble = True, None
            elif not self._closing:
                self._ready, self._trouble = False, trouble
                logger.error("no process can dock: %s", trouble)
        return trouble

    def _take(self) -> Job | None:
        """The next job, now running; None when the queue closes."""
        with self._changed:
            while not self._closing:
                waiting = self.waiting()
                if waiting:
                    job = waiting[0]
                    job = job.model_copy(
                        update={"state": "running", "started": time.time(), "attempts": job.attempts + 1}
                    )
                    self._live[job.id] = _Live()
                    self._put(job)
                    return job
                self._changed.wait(TIDY_INTERVAL)
                self._tidy()
            return None

    def _left(self, live: _Live) -> bool:
        """Whether the process should leave the job."""
        return live.leave or self._closing

    def _hear(self, live: _Live, kind: str, *values) -> None:
        """Note what a process says while it docks."""
        with self._changed:
            if kind == "progress":
                live.progress = max(live.progress, values[0])
                live.stage = values[1]
            else:
                (live.warnings if kind == "warning" else live.notes).append(values[0])

    def _settle(self, job: Job, live: _Live, kind: str, sentence: str, complexes: tuple[Complex, ...]) -> None:
        """Keep how a job ended; one that was left because the server stops goes back into the queue."""
        with self._changed:
            self._live.pop(job.id)
            if job.id not in self._jobs:
                self.store.delete(job.id)
            if live.leave:
                return
            job = job.model_copy(update={"warnings": tuple(live.warnings), "notes": tuple(live.notes)})
            if kind == "stopped":
                self._put(job.model_copy(update={"state": "queued", "attempts": job.attempts - 1}))
            elif kind == "done":
                self._end(job, "done", complexes=complexes)
            else:
                self._end(job, "failed", error=sentence)

    def _end(self, job: Job, state: str, **changes) -> None:
        job = job.model_copy(update={"state": state, "finished": time.time(), **changes})
        self._put(job)
        logger.info("job %s (%s) is %s%s", job.id, job.title, state, f": {job.error}" if job.error else "")

    def _put(self, job: Job) -> None:
        try:
            self.store.save(job)
        except OSError as error:  # a full disk must not end the queue
            logger.error("job %s: its record cannot be written (%s); free some space", job.id, error.strerror)
        self._jobs[job.id] = job
        self._changed.notify_all()

    def _tidy(self) -> None:
        """Delete finished jobs that are too many or too old."""
        with self._changed:
            done = [job for job in self._jobs.values() if job.state in FINISHED]
            done.sort(key=lambda job: job.finished or job.created)
            oldest = time.time() - self.settings.keep_days * DAY
            over = len(done) - self.settings.keep_jobs
            for place, job in enumerate(done):
                if place < over or (job.finished or job.created) < oldest:
                    del self._jobs[job.id]
                    self.store.delete(job.id)
