"""A process that may be stopped, and what becomes of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from disco_dock.runtime.capped_worker import CappedWorker, WorkerError


def spin():
    while True:
        pass


def fail(text):
    raise ValueError(text)


@pytest.fixture(scope="module")
def worker():
    with CappedWorker() as one:
        yield one


def test_worker_reports_errors_and_goes_on(worker):
    with pytest.raises(WorkerError, match="^one two$"):
        worker.call(fail, "one\n  two", seconds=30)
    assert worker.call(abs, -3, seconds=30) == 3
    with pytest.raises(WorkerError, match="died"):
        worker.call(os._exit, 1, seconds=30)
    assert worker.call(abs, -4, seconds=30) == 4
    with pytest.raises(WorkerError, match=r"more than 0\.1 s"):
        worker.call(spin, seconds=0.1)
    with pytest.raises(WorkerError, match=r"more than 0\.01 s"):  # a process that hangs uses no processor time
        worker.call(abs, -1, seconds=60) and worker.call(time.sleep, 600, seconds=0.01)
    assert worker.call(abs, -5, seconds=30) == 5


def test_modules_are_imported_ahead_and_absent_ones_do_no_harm():
    with CappedWorker(("wave", "no_such_module")) as ahead:
        ahead.start()
        assert "wave" in ahead.call(eval, "sorted(__import__('sys').modules)", seconds=30)


def test_a_script_without_a_main_guard_is_not_run_again(tmp_path):
    """As a notebook-like script of a user would be by the processes of `multiprocessing`."""
    script = tmp_path / "script.py"
    lines = (
        "from disco_dock.runtime.capped_worker import CappedWorker",
        "print('ran')",
        "with CappedWorker() as worker: print(worker.call(abs, -3, seconds=30))",
    )
    script.write_text("\n".join(lines))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["ran", "3"]


def test_the_process_ends_with_its_parent():
    code = (
        "import os, sys; from disco_dock.runtime.capped_worker import CappedWorker; from time import sleep\n"
        "worker = CappedWorker(); print(worker.call(os.getpid, seconds=30), flush=True); os._exit(1)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    deadline = time.monotonic() + 30
    while psutil.pid_exists(int(done.stdout)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(int(done.stdout))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_has_a_worker_of_its_own():
    code = (
        "import os, sys; from disco_dock.runtime.capped_worker import CappedWorker\n"
        "worker = CappedWorker(); own = worker.call(os.getpid, seconds=30); child = os.fork()\n"
        "other = worker.call(os.getpid, seconds=30)\n"
        "if not child: os._exit(int(other == own))\n"
        "print(other == own, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["True", "0"]
