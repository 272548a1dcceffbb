"""Docking all complexes of a run into folders, with reuse of finished ones and a row for every input."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from disco_dock.docking.engine import Engine, docking_settings
from disco_dock.docking.judging import check_physics
from disco_dock.docking.predict import predict_complex
from disco_dock.docking.receptors import ReceptorStore
from disco_dock.docking.runs.input_files import file_hash, settings_files
from disco_dock.docking.runs.inputs import DockingJob, FailedInput, Job
from disco_dock.docking.runs.outputs import (
    RECORD,
    TABLE,
    TRAJECTORY,
    finished_record,
    is_batch,
    make_folder,
    only_run,
    other_run,
    write_prediction,
)
from disco_dock.docking.runs.progress import Progress, Silent
from disco_dock.docking.runs.record import Hashes, best_summary, job_hashes, run_record
from disco_dock.docking.runs.summary import ComplexSummary, mark_best_states, write_summary
from disco_dock.docking.settings import PredictSettings
from disco_dock.docking.validity import prepare_checks, was_checked
from disco_dock.runtime.errors import DiscoError, InputError

logger = logging.getLogger(__name__)

SUMMARY_INTERVAL = 5.0  # seconds between rewrites of a batch's summary table


class Run:
    """One run of `disco-dock predict`: an engine, settings and an output folder."""

    def __init__(
        self,
        engine: Engine,
        settings: PredictSettings,
        out: Path,
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Check everything that can be checked before any work.

        Raises:
            DiscoError: a setting has no effect, a file named in the settings or the output folder is unusable.
        """
        docking_settings(engine.models, settings, None)
        check_physics(settings.physics_asked, engine.models)
        self._checked = prepare_checks(settings)
        self._engine = engine
        self._settings = settings
        self._out = out
        self._overwrite = overwrite
        self._progress = Silent() if progress is None else progress
        self._files = settings_files(settings)
        self._protein_hash = lru_cache(maxsize=None)(file_hash)
        make_folder(out)

    def dock_single(self, job: DockingJob) -> ComplexSummary:
        """Dock the only complex of a run straight into the output folder.

        Raises:
            DiscoError: it fails.
        """
        with only_run(self._out):
            if not self._overwrite and is_batch(self._out):
                raise InputError(f"{self._out}: holds a batch of complexes; choose another folder with -o")
            self._progress.start(job.name, 1, 1)
            row = self._dock(job, self._out, self._store([job]))
            self._progress.finish(row)
            return row

    def dock_batch(self, jobs: Sequence[Job]) -> list[ComplexSummary]:
        """Dock every complex into a folder of its own below the output folder and keep the summary table up to date.

        A complex that fails becomes a row; an interrupt keeps the finished ones and their rows.
        """
        with only_run(self._out):
            self._refuse_other_runs(jobs)
            return self._dock_all(jobs)

    def _refuse_other_runs(self, jobs: Sequence[Job]) -> None:
        """Check before any work that no complex would replace poses of other inputs or settings."""
        if self._overwrite:
            return
        if (self._out / RECORD).exists():
            raise InputError(f"{self._out}: holds the poses of one complex; choose another folder with -o")
        for job in jobs:
            folder = self._out / job.name
            if isinstance(job, DockingJob) and (folder / RECORD).exists():
                try:
                    hashes = self._hashes(job)
                except DiscoError:  # an input that cannot be read fails in its own row
                    continue
                self._refuse(folder, hashes)

    def _refuse(self, folder: Path, hashes: Hashes) -> None:
        """Raise InputError for a folder with poses of other inputs or settings."""
        other = other_run(folder, hashes.fingerprint)
        if other:
            raise InputError(
                f"{folder}: holds poses of {other}, docked from other inputs or with other settings; choose another "
                "folder with -o, or --overwrite to replace them"
            )

    def _hashes(self, job: DockingJob) -> Hashes:
        return job_hashes(self._engine, self._settings, job, self._files, self._protein_hash(job.protein))

    def _dock_all(self, jobs: Sequence[Job]) -> list[ComplexSummary]:
        store = self._store(jobs)
        rows: list[ComplexSummary] = []
        written = time.monotonic()
        try:
            for number, job in enumerate(jobs, start=1):
                self._progress.start(job.name, number, len(jobs))
                rows.append(self._row(job, store))
                self._progress.finish(rows[-1])
                if time.monotonic() - written > SUMMARY_INTERVAL:
                    write_summary(self._out / TABLE, rows)
                    written = time.monotonic()
        finally:
            rows = mark_best_states(rows)
            write_summary(self._out / TABLE, rows)
        return rows

    def _store(self, jobs: Sequence[Job]) -> ReceptorStore:
        uses = [job.protein for job in jobs if isinstance(job, DockingJob)]
        return ReceptorStore(self._settings, self._engine.models.config.lm_dim, uses)

    def _row(self, job: Job, store: ReceptorStore) -> ComplexSummary:
        """The row of a complex, whether it succeeds or fails."""
        if isinstance(job, FailedInput):
            return ComplexSummary(
                name=job.name,
                status="failed",
                error_code=job.error_code,
                message=job.message,
                protein=job.protein,
                ligand=job.ligand_spec,
            )
        begin = time.perf_counter()
        try:
            return self._dock(job, self._out / job.name, store)
        except DiscoError as error:
            logger.info("%s failed: %s", job.name, error)
            return replace(_row(job, begin), status="failed", error_code=error.code, message=str(error))
        finally:
            store.release(job.protein)

    def _dock(self, job: DockingJob, folder: Path, store: ReceptorStore) -> ComplexSummary:
        """Dock one complex into its folder, or take the finished files there."""
        begin = time.perf_counter()
        hashes = self._hashes(job)
        needed = [TRAJECTORY] if self._settings.trajectory else []
        earlier = None if self._overwrite else finished_record(folder, needed)
        same = earlier is not None and earlier["fingerprint"] == hashes.fingerprint
        if earlier is not None and same and was_checked(earlier, self._checked):
            return replace(_row(job, begin), status="reused", **earlier["best"])
        if not self._overwrite:
            self._refuse(folder, hashes)
        prediction = predict_complex(
            self._engine, self._settings, store, job.protein, job.ligand, name=job.name, on_step=self._progress.step
        )
        for note in prediction.notes:
            self._progress.note(note)
        write_prediction(folder, prediction, run_record(self._engine, self._settings, job, hashes, prediction))
        return replace(_row(job, begin), **best_summary(prediction))


def _row(job: DockingJob, begin: float) -> ComplexSummary:
    """The row of a complex before its numbers are known; `begin` is when its work started."""
    return ComplexSummary(
        name=job.name,
        status="ok",
        protein=str(job.protein),
        ligand=job.ligand_spec,
        smiles=job.ligand.smiles,
        state_of=job.ligand.state_of,
        seconds=round(time.perf_counter() - begin, 2),
    )
