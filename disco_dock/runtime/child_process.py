"""Child processes that do not outlive the command that started them."""

from __future__ import annotations

import multiprocessing
import os
import threading


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
