"""The jobs on disk: a folder for each, with a record that is written atomically."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from disco_dock.runtime.errors import ConfigError, InputError
from disco_dock.runtime.files import atomic_write
from disco_dock.server.records import FILES, Job

logger = logging.getLogger(__name__)

INPUT, OUTPUT, RECORD, LOCK = "input", "out", "job.json", ".lock"
NEW, OLD = ".new-", ".old-"
_ID = re.compile("[0-9a-f]{32}")


class JobStore:
    """A folder of jobs that one server uses at a time.

    Args:
        folder: made when absent, readable by its owner only.

    Raises:
        ConfigError: it cannot be made, or another server uses it.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = _locked(folder / LOCK)
        except OSError as error:
            raise ConfigError(f"{folder}: cannot hold jobs ({error.strerror}); choose another --store") from error
        self.folder = folder.resolve()
        for left in (*self.folder.glob(f"{NEW}*"), *self.folder.glob(f"{OLD}*")):
            shutil.rmtree(left, ignore_errors=True)

    def close(self) -> None:
        """Let another server use the folder."""
        self._lock.close()

    def path(self, job_id: str) -> Path:
        """The folder of a job; nothing but 32 hexadecimal digits ever becomes a path."""
        if _ID.fullmatch(job_id) is None:
            raise ValueError(f"not a job id: {job_id!r}")
        return self.folder / job_id

    def create(self, job: Job, files: Mapping[str, bytes]) -> None:
        """Store a new job with its input files; after a crash it is there whole or not at all.

        Raises:
            OSError: the disk is full.
        """
        fresh = self.folder / f"{NEW}{job.id}"
        try:
            (fresh / INPUT).mkdir(parents=True, mode=0o700)
            for name, content in files.items():
                (fresh / INPUT / name).write_bytes(content)
            _write(fresh, job)
            os.replace(fresh, self.path(job.id))
        except OSError:
            shutil.rmtree(fresh, ignore_errors=True)
            raise

    def save(self, job: Job) -> None:
        """Write the record of a stored job."""
        _write(self.path(job.id), job)

    def delete(self, job_id: str) -> None:
        """Delete a job with its files."""
        old = self.folder / f"{OLD}{job_id}"
        try:
            os.replace(self.path(job_id), old)
        except FileNotFoundError:
            return
        shutil.rmtree(old, ignore_errors=True)

    def load(self) -> list[Job]:
        """All jobs, the oldest first; a folder with a damaged record is left alone and logged."""
        jobs = []
        for path in self.folder.iterdir():
            if _ID.fullmatch(path.name) is None:
                continue
            try:
                jobs.append(Job.model_validate_json((path / RECORD).read_bytes()))
            except (OSError, ValidationError) as error:
                logger.warning(
                    "%s: its record cannot be read (%s); the job is left out", path, str(error).split("\n")[0]
                )
        return sorted(jobs, key=lambda job: (job.created, job.id))

    def file(self, job: Job, number: int, name: str) -> Path:
        """The file of a complex, looked up among the names that a job may hand out.

        Raises:
            InputError: there is no such complex or file.
        """
        found = next((one for one in job.complexes if one.number == number), None)
        if found is None or name not in FILES or name not in found.files:
            have = ", ".join(found.files) if found is not None and found.files else "none"
            raise InputError(f"complex {number} of this job has no file of that name; it has {have}")
        return self.path(job.id) / OUTPUT / found.name / name


def _write(folder: Path, job: Job) -> None:
    with atomic_write(folder / RECORD) as handle:
        handle.write(job.model_dump_json(indent=1).encode())


def _locked(path: Path) -> IO[bytes]:
    """An open file that no other process can lock; the lock goes when the process does, however it ends."""
    handle = open(path, "ab")  # noqa: SIM115
    try:
        import fcntl
    except ImportError:  # Windows, where the port is the only guard
        return handle
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise ConfigError(
            f"{path.parent}: another disco-dock serve uses this folder; stop it or choose another --store"
        ) from error
    return handle
