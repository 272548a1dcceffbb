"""A process that runs functions of other libraries under a time limit; a new one takes its place when it dies."""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO, Any

import psutil

from disco_dock.runtime.errors import DiscoError

START_SECONDS = 60.0  # extra time for the imports of a new process
WALL_FACTOR = 20  # limits count processor time, which a busy machine does not change; wall time may be longer
POLL = 0.05  # seconds between two looks at the process


class WorkerError(DiscoError):
    """A function in the worker failed, took too long, or killed the process."""

    code = "worker"


class CappedWorker:
    """Runs one function at a time in a process of its own; a context manager that ends it.

    A library that hangs, or crashes in compiled code, costs one call and not the run. The process is a fresh
    interpreter, not a child of `multiprocessing`, which would run the caller's script again.

    Args:
        modules: imported by the process before the first call, where they are installed.
    """

    def __init__(self, modules: Sequence[str] = ()) -> None:
        self._modules = list(modules)
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[tuple[bool, Any] | None] = queue.SimpleQueue()
        self._fresh, self._owner = False, os.getpid()

    def __enter__(self) -> CappedWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the process if there is none, without waiting for it."""
        if self._owner != os.getpid():  # after a fork the worker belongs to the parent
            self._process, self._owner = None, os.getpid()
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        code = f"import sys; sys.path[:] = {sys.path!r}; from disco_dock.runtime.capped_worker import serve; serve()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, *self._modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._answers, self._fresh = queue.SimpleQueue(), True
        threading.Thread(target=_listen, args=(self._process.stdout, self._answers), daemon=True).start()

    def call(self, function: Callable[..., Any], *args: Any, seconds: float) -> Any:
        """The result of a function of a module, called with arguments that can be pickled.

        Args:
            function: what to call.
            args: its arguments.
            seconds: processor time that it may use.

        Raises:
            WorkerError: it raised an error, ran out of time, or died.
        """
        self.start()
        assert self._process is not None and self._process.stdin is not None
        grace, self._fresh = START_SECONDS if self._fresh else 0.0, False
        try:
            pickle.dump((function, args), self._process.stdin)
            self._process.stdin.flush()
            answer = self._answer_within(seconds, grace)
        except (OSError, psutil.NoSuchProcess):
            answer = None
        except BaseException:  # an interrupt: this answer must not be read as that of a later call
            self.close()
            raise
        if answer is None:
            self.close()
            raise WorkerError("the process died, by lack of memory or a fault in a library")
        succeeded, value = answer
        if not succeeded:
            raise WorkerError(value)
        return value

    def _answer_within(self, seconds: float, grace: float) -> tuple[bool, Any] | None:
        """The answer, None when the process dies before it; raises when it has used its time."""
        assert self._process is not None
        deadline = time.monotonic() + WALL_FACTOR * (seconds + grace)
        process = psutil.Process(self._process.pid)
        limit = _processor_time(process) + seconds + grace
        while True:
            with contextlib.suppress(queue.Empty):
                return self._answers.get(timeout=POLL)
            if _processor_time(process) >= limit or time.monotonic() >= deadline:
                self.close()
                raise WorkerError(f"took more than {seconds:g} s")

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):  # unsent data can be dropped
                        stream.close()
        self._process = None


def _processor_time(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _listen(stream: IO[bytes], answers: queue.SimpleQueue[tuple[bool, Any] | None]) -> None:
    """Hand on what the process answers; None when it ends."""
    try:
        while True:
            answers.put(pickle.load(stream))
    except (EOFError, OSError, ValueError, pickle.UnpicklingError):
        answers.put(None)


def serve() -> None:
    """Run calls from standard input until it closes; what libraries print is dropped, their errors are sent back."""
    answers = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    calls: queue.SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]]] = queue.SimpleQueue()
    for module in sys.argv[1:]:
        with contextlib.suppress(ImportError):  # the call that needs it will report it
            importlib.import_module(module)
    threading.Thread(target=_receive, args=(calls,), daemon=True).start()
    while True:
        function, args = calls.get()
        try:
            answer = (True, function(*args))
        except Exception as error:  # any error of a library crosses to the other process as text
            answer = (False, " ".join(str(error).split()) or type(error).__name__)
        pickle.dump(answer, answers)
        answers.flush()


def _receive(calls: queue.SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]]]) -> None:
    """Read calls; end the process at once when the parent is gone, even during a call."""
    try:
        while True:
            calls.put(pickle.load(sys.stdin.buffer))
    finally:
        os._exit(1)
