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
from disco_dock.docking.runs.outputs import TABLE, TRAJECTORY, finished_record, make_folder, write_prediction
from disco_dock.docking.runs.progress import Progress, Silent
from disco_dock.docking.runs.record import best_summary, job_hashes, run_record
from disco_dock.docking.runs.summary import ComplexSummary, write_summary
from disco_dock.docking.settings import PredictSettings
from disco_dock.docking.validity import prepare_checks, was_checked
from disco_dock.runtime.errors import DiscoError

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
        """Check what can be checked before any work.

        Raises:
            DiscoError: a setting has no effect, a file named in the settings or the output folder is unusable.
        """
        docking_settings(engine.models, settings, None)
        check_physics(settings.physics, engine.models)
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
        self._progress.start(job.name, 1, 1)
        row = self._dock(job, self._out, self._store([job]))
        self._progress.finish(row)
        return row

    def dock_batch(self, jobs: Sequence[Job]) -> list[ComplexSummary]:
        """Dock every complex into a folder of its own below the output folder and keep the summary table up to date.

        A complex that fails becomes a row; an interrupt keeps the finished ones and their rows.
        """
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
        hashes = job_hashes(self._engine, self._settings, job, self._files, self._protein_hash(job.protein))
        needed = [TRAJECTORY] if self._settings.trajectory else []
        earlier = None if self._overwrite else finished_record(folder, needed)
        same = earlier is not None and earlier["fingerprint"] == hashes.fingerprint
        if earlier is not None and same and was_checked(earlier, self._checked):
            return replace(_row(job, begin), status="reused", **earlier["best"])
        prediction = predict_complex(
            self._engine, self._settings, store, job.protein, job.ligand, name=job.name, on_step=self._progress.step
        )
        for note in prediction.notes:
            self._progress.note(note)
        write_prediction(folder, prediction, run_record(self._engine, self._settings, job, hashes, prediction))
        message = "" if earlier is None or same else "earlier results of other inputs or settings were replaced"
        return replace(_row(job, begin), message=message, **best_summary(prediction))


def _row(job: DockingJob, begin: float) -> ComplexSummary:
    """The row of a complex before its numbers are known; `begin` is when its work started."""
    return ComplexSummary(
        name=job.name,
        status="ok",
        protein=str(job.protein),
        ligand=job.ligand_spec,
        smiles=job.ligand.smiles,
        seconds=round(time.perf_counter() - begin, 2),
    )
