"""Faults of the machine, for real: a killed run, a full disk. Nothing done is lost, nothing is done twice.

The times of docs/reliability.md are those that these tests log (--log-cli-level=info).
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from disco_dock.screening.ledger.errors import StoreError
from disco_dock.screening.ledger.store import Store
from disco_dock.screening.plan import BATCH_LIGANDS
from disco_dock.screening.workers.processes import QUEUED
from tests.support.screening import (
    StubPlan,
    content,
    poses,
    query,
    screen,
    statuses,
    write_library,
)

logger = logging.getLogger(__name__)
ROOT = Path(__file__).parents[3]
COUNT = 120
IN_FLIGHT = 2 * QUEUED * BATCH_LIGANDS  # what two workers may have finished while the main process was not looking


def start(store: Path, library: Path, log: Path, *, engine: str = "processes") -> subprocess.Popen:
    """A run with two stub workers in a program of its own."""
    command = [sys.executable, "-m", "tests.support.screening", str(store), str(library), "--log", str(log)]
    environment = {**os.environ, "RAY_worker_niceness": "0"}
    return subprocess.Popen([*command, "--seconds", "0.05", "--engine", engine], cwd=ROOT, env=environment)


def wait_for(condition, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)


def docked(store: Path) -> int:
    return len(poses(store)) if store.exists() else 0


def check_recovery(store: Path, library: Path, log: Path, name: str, *, spare: int = IN_FLIGHT) -> None:
    """Run to the end; nothing of before is done again, and the result is that of an undisturbed run."""
    before, done = poses(store), len(log.read_text().split())
    begin = time.perf_counter()
    with Store.open(store):
        opened = time.perf_counter() - begin
    screen(store, library, plan=StubPlan(log=log))
    lines = log.read_text().split()
    again = set(lines[done:])
    assert not again & set(before), "done twice"
    assert len(again) == len(lines) - done == COUNT - len(before)
    assert statuses(store) == {"docked": COUNT}
    screen(library.with_name("undisturbed.sqlite"), library)
    assert content(store) == content(library.with_name("undisturbed.sqlite"))
    lost = done - len(before)
    told = "%s: %d of %d in the ledger, %d docked but not entered; opened in %.3f s"
    logger.info(told, name, len(before), COUNT, lost, opened)
    assert lost <= spare


@pytest.mark.parametrize("after", [1, 40])
def test_kill_9_of_the_main_process(tmp_path, after):
    store, log = tmp_path / "s.sqlite", tmp_path / "log"
    library = write_library(tmp_path / "lib.smi", COUNT)
    process = start(store, library, log)
    wait_for(lambda: docked(store) >= after)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    psutil.wait_procs(workers, timeout=20)
    assert not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers)
    check_recovery(store, library, log, f"kill -9 of the main process after {after}")


def test_sigterm_ends_a_run_and_its_workers(tmp_path):
    store, log = tmp_path / "s.sqlite", tmp_path / "log"
    library = write_library(tmp_path / "lib.smi", COUNT)
    process = start(store, library, log)
    wait_for(lambda: docked(store) >= 5)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)
    psutil.wait_procs(workers, timeout=20)
    check_recovery(store, library, log, "SIGTERM")


def test_kill_9_while_the_store_is_made(tmp_path):
    """What is left of an unfinished store is no store, and is replaced."""
    store = tmp_path / "s.sqlite"
    store.with_name(".s.sqlite.new").write_bytes(b"half a store")
    screen(store, write_library(tmp_path / "lib.smi", 3))
    assert statuses(store) == {"docked": 3}
    assert not store.with_name(".s.sqlite.new").exists()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 300 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk(tmp_path, small_disk):
    store, log = small_disk / "s.sqlite", tmp_path / "log"
    library = write_library(tmp_path / "lib.smi", COUNT)
    filler = small_disk / "other data"
    screen(store, write_library(tmp_path / "first.smi", 1))
    filler.write_bytes(b"\0" * 90_000)
    with pytest.raises(StoreError, match="disk is full .* run the same command again"):
        screen(store, library, plan=StubPlan(log=log))
    with pytest.raises(StoreError, match="disk is full|cannot be"):
        screen(store, library, plan=StubPlan(log=log))
    filler.unlink()
    before, done = poses(store), len(log.read_text().split()) if log.exists() else 0
    begin = time.perf_counter()
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    with Store.open(store):
        opened = time.perf_counter() - begin
    screen(store, library, plan=StubPlan(log=log))
    again = set(log.read_text().split()[done:])
    assert not again & set(before)
    assert sum(statuses(store).values()) == COUNT + 1
    assert set(statuses(store)) == {"docked", "duplicate"}
    assert query(store, "PRAGMA integrity_check") == [("ok",)]
    told = "full disk: %d in the ledger, %d docked but not entered; opened in %.3f s"
    logger.info(told, len(before), done - len(before), opened)
