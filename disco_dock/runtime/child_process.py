"""Processes that are fed through a pipe, and that do not outlive the command that started them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any


class Child:
    """A process and a pipe to it.

    It never sees Ctrl-C, which a terminal sends to every process: whoever started it ends it. It ends by itself when
    its parent is gone.

    Args:
        target: function of a module; called in the process with its end of the pipe and `args`.
        args: that can be pickled.
    """

    def __init__(self, target: Callable[..., None], args: Sequence[Any] = ()) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_body, args=(target, theirs, *args), daemon=True)
        with _interrupts_blocked():
            self._process.start()
        theirs.close()

    @property
    def pid(self) -> int | None:
        """Process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit status, minus the signal that ended it, or None while it runs."""
        return self._process.exitcode

    @property
    def waitable(self) -> tuple[Connection, int]:
        """What `multiprocessing.connection.wait` takes: ready when a message came or the process ended."""
        return self._pipe, self._process.sentinel

    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.is_alive()

    def send(self, message: Any) -> None:
        """Send a message.

        Raises:
            OSError: the process is gone.
        """
        self._pipe.send(message)

    def poll(self, seconds: float = 0.0) -> bool:
        """Whether there is a message, after waiting for one at most so long.

        Raises:
            EOFError, OSError: the process is gone.
        """
        return self._pipe.poll(seconds)

    def recv(self) -> Any:
        """The next message.

        Raises:
            EOFError, OSError: the process is gone, perhaps in the middle of a message.
        """
        return self._pipe.recv()

    def end(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def end_with_parent() -> None:
    """Called in a child of `multiprocessing`: end it at once when its parent is gone, however that died.

    A worker of a killed pool would otherwise finish its work and then wait for more for ever, for it holds both ends of
    the queue that it waits on.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()


def _body(target: Callable[..., None], pipe: Connection, *args: Any) -> None:
    end_with_parent()
    target(pipe, *args)


@contextmanager
def _interrupts_blocked() -> Generator[None, None, None]:
    """Processes that start in the block inherit that SIGINT is blocked."""
    if os.name != "posix":
        yield
        return
    resource_tracker.ensure_running()  # its start unblocks SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
