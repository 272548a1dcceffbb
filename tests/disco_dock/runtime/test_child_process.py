"""A process with a pipe: messages, its end, and the signals that it does not see."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from multiprocessing.connection import wait

import psutil
import pytest

from disco_dock.runtime.child_process import Child


def echo(pipe, factor):
    """Send back each number times the factor; `None` ends the process with status 3, "blocked" asks about SIGINT."""
    while (message := pipe.recv()) is not None:
        if message == "blocked":
            pipe.send(os.name != "posix" or signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))
        else:
            pipe.send(factor * message)
    os._exit(3)


@pytest.fixture
def child():
    one = Child(echo, [2])
    yield one
    one.end()


def test_messages_and_an_end_of_its_own(child):
    child.send(21)
    assert wait(child.waitable, timeout=60) and child.poll(60) and child.recv() == 42
    assert not child.poll() and child.alive() and child.exit_code is None
    child.send("blocked")
    assert child.poll(60) and child.recv() is True
    child.send(None)
    with pytest.raises((EOFError, OSError)):
        child.recv()
    child.end()
    assert child.exit_code == 3 and not child.alive()


def test_ended_at_once(child):
    pid = child.pid
    child.end()
    assert child.exit_code is not None and child.exit_code != 0 and not psutil.pid_exists(pid)
    with pytest.raises(OSError):
        child.send(1)


def test_it_ends_with_its_parent(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os\n"
        "from disco_dock.runtime.child_process import Child\n"
        "from tests.disco_dock.runtime.test_child_process import echo\n"
        "if __name__ == '__main__':\n"
        "    child = Child(echo, [2]); child.send(1); child.recv(); print(child.pid, flush=True); os._exit(1)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, check=False)
    deadline = time.monotonic() + 30
    while psutil.pid_exists(int(done.stdout)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(int(done.stdout))
