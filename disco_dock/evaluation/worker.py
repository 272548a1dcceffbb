"""A process that runs functions of other libraries under a time limit, and survives nothing but is replaced."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import psutil

from disco_dock.runtime.children import end_with_parent
from disco_dock.runtime.errors import DiscoError

START_SECONDS = 60.0  # granted to a new process for its imports, on top of the limit
WALL_FACTOR = 20  # limits are of processor time, so that a busy machine changes no result; waiting may take this longer
POLL = 0.05  # seconds between two looks at the process


class WorkerError(DiscoError):
    """A function in the worker failed, took too long, or killed the process."""

    code = "worker"


class CappedWorker:
    """Runs one function at a time in a process of its own; a context manager that ends it.

    A library that hangs, or falls over in compiled code, costs one call and not the evaluation.
    """

    def __init__(self) -> None:
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def __enter__(self) -> CappedWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, function: Callable[..., Any], *args: Any, seconds: float) -> Any:
        """The result of a function of a module, called with arguments that can be pickled.

        Args:
            function: what to call.
            args: its arguments.
            seconds: processor time that it may use.

        Raises:
            WorkerError: it raised an error, ran out of time, or died.
        """
        grace = 0.0
        if self._process is None or not self._process.is_alive():
            self.close()
            grace = START_SECONDS
            self._start()
        assert self._pipe is not None
        try:
            self._pipe.send((function, args))
            if not self._answers_within(seconds + grace):
                self.close()
                raise WorkerError(f"took more than {seconds:g} s")
            succeeded, value = self._pipe.recv()
        except (EOFError, ConnectionError) as error:
            self.close()
            raise WorkerError("the process died, by lack of memory or a fault in a library") from error
        if not succeeded:
            raise WorkerError(value)
        return value

    def _answers_within(self, seconds: float) -> bool:
        """Whether an answer comes, or the process dies, before it has used its time."""
        assert self._pipe is not None and self._process is not None
        deadline = time.monotonic() + WALL_FACTOR * seconds
        try:
            process = psutil.Process(self._process.pid)
            limit = _processor_time(process) + seconds
            while not self._pipe.poll(POLL):
                if _processor_time(process) >= limit or time.monotonic() >= deadline:
                    return False
        except psutil.NoSuchProcess:
            pass  # reading from the pipe tells
        return True

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        process = context.Process(target=_serve, args=(other,), daemon=True)
        process.start()
        self._process = process
        other.close()


def _processor_time(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _serve(pipe: Connection) -> None:
    """Run what comes through the pipe until it closes; what libraries print is dropped, their errors are not."""
    end_with_parent()
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    while True:
        try:
            function, args = pipe.recv()
        except EOFError:
            return
        try:
            answer = (True, function(*args))
        except Exception as error:  # whatever a library raises has to cross to the other process as text
            answer = (False, " ".join(str(error).split()) or type(error).__name__)
        pipe.send(answer)
