"""Rescoring files of poses into folders like those of a docking run."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from disco_dock.chem.ligand import Ligand, LigandFailure
from disco_dock.chem.ligands.read_poses import GivenPoses
from disco_dock.docking.engine import Engine
from disco_dock.docking.prediction import Prediction
from disco_dock.docking.receptors import prepare_receptor
from disco_dock.docking.rescore import RescoreSettings, rescore_poses
from disco_dock.docking.runs.input_files import existing_file, file_hash, settings_files
from disco_dock.docking.runs.inputs import DockingJob
from disco_dock.docking.runs.names import UniqueNames, safe_name
from disco_dock.docking.runs.outputs import TABLE, make_folder, write_prediction
from disco_dock.docking.runs.progress import Progress, Silent
from disco_dock.docking.runs.record import best_summary, job_hashes, run_record
from disco_dock.docking.runs.summary import ComplexSummary, write_summary
from disco_dock.runtime.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False)
class Rescored:
    """The poses of one molecule, rescored, and what run.json says of them."""

    prediction: Prediction
    record: dict[str, Any]


class Rescoring:
    """One receptor in which files of poses are rescored.

    Args:
        engine: its checkpoint has the contact score.
        settings: of the scoring.
        protein: receptor file.
        files: files of the poses.

    Raises:
        InputError: the receptor or a file cannot be read.
        ConfigError: a requested score is not available.
    """

    def __init__(self, engine: Engine, settings: RescoreSettings, protein: Path, files: Sequence[Path] = ()) -> None:
        self._engine, self._settings, self._protein, self._files = engine, settings, protein, files
        self._ranking = settings.ranking(engine)
        self._protein_hash = file_hash(existing_file(protein))
        text = " ".join(file_hash(path) for path in files)
        self._hashes = settings_files(settings.predict(1, self._ranking))
        if files:
            self._hashes["poses"] = hashlib.sha256(text.encode()).hexdigest()
        self._prepared = prepare_receptor(protein, settings.predict(1, self._ranking), 0)

    def rescore(self, given: GivenPoses, name: str = "") -> Rescored:
        """The poses of one molecule, under a name or one made of the protein's and the ligand's."""
        settings, ligand = self._settings.predict(len(given.pos), self._ranking), given.ligand
        name = safe_name(name or f"{self._protein.name.split('.')[0]}_{ligand.name}")
        prediction = rescore_poses(self._engine, settings, self._prepared, given, name=name)
        spec = ", ".join(map(str, self._files[:3])) or ligand.smiles
        job = DockingJob(name=name, protein=self._protein, ligand=ligand, ligand_spec=spec)
        hashes = job_hashes(self._engine, settings, job, self._hashes, self._protein_hash)
        record = run_record(self._engine, settings, job, hashes, prediction)
        for never in ("sampler", "latent_inverse_temperature", "guidance"):  # nothing was sampled
            del record["resolved"][never]
        record["given"] = {"files": list(map(str, self._files)), "poses": len(given.pos)}
        return Rescored(prediction=prediction, record=record)


def rescore_run(
    engine: Engine,
    settings: RescoreSettings,
    protein: Path,
    read: tuple[list[GivenPoses], list[LigandFailure]],
    files: Sequence[Path],
    out: Path,
    progress: Progress | None = None,
) -> list[ComplexSummary]:
    """Rescore poses into the output folder, or into a folder below it for each of several molecules; one row each.

    A record without a pose is a failed row; with several molecules results.csv has all rows.

    Raises:
        DiscoError: as `Rescoring`; or the folder cannot be made.
    """
    poses, failures = read
    progress = Silent() if progress is None else progress
    work, names = Rescoring(engine, settings, protein, files), UniqueNames()
    make_folder(out)
    rows, single = [], len(poses) == 1
    for number, given in enumerate(poses, start=1):
        begin = time.perf_counter()
        progress.start(given.ligand.name, number, len(poses))
        done = work.rescore(given, "" if single else names.take(given.ligand.name))
        for note in done.prediction.notes:
            progress.note(note)
        write_prediction(out if single else out / done.prediction.name, done.prediction, done.record)
        rows.append(_row(protein, given.ligand, done, begin))
        progress.finish(rows[-1])
    rows += [_failed(protein, one) for one in failures]
    if not single:
        write_summary(out / TABLE, rows)
    return rows


def _row(protein: Path, ligand: Ligand, done: Rescored, begin: float) -> ComplexSummary:
    return ComplexSummary(
        name=done.prediction.name,
        status="ok",
        protein=str(protein),
        ligand=done.record["inputs"]["ligand"]["given"],
        smiles=ligand.smiles,
        seconds=round(time.perf_counter() - begin, 2),
        **best_summary(done.prediction),
    )


def _failed(protein: Path, one: LigandFailure) -> ComplexSummary:
    return ComplexSummary(
        name=one.name,
        status="failed",
        error_code=InputError.code,
        message=one.message,
        protein=str(protein),
        ligand=one.source,
    )
