"""A progress bar for docking from Python."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from disco_dock.docking.sample_and_refine import OnStep
from disco_dock.runtime.errors import ConfigError


def in_notebook() -> bool:
    """Whether the code runs in a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return type(shell).__name__ == "ZMQInteractiveShell"


@contextmanager
def progress_bar(name: str, shown: bool | None) -> Iterator[OnStep | None]:
    """What is told about the sampling and shows it, or None where nothing is shown; the bar goes when it is done.

    Args:
        name: beside the bar.
        shown: None for a bar in notebooks only: by ipywidgets where they are installed, else as text.

    Raises:
        ConfigError: it is asked for and tqdm is not installed.
    """
    if not (in_notebook() if shown is None else shown):
        yield None
        return
    if find_spec("tqdm") is None:
        if shown:
            raise ConfigError("tqdm is not installed; pip install 'disco-dock[notebook]', or leave out progress=True")
        yield None
        return
    if in_notebook() and find_spec("ipywidgets") is not None:
        from tqdm.notebook import tqdm
    else:
        from tqdm import tqdm
    with tqdm(total=0, desc=name, unit="step", leave=False) as bar:

        def step(done: int, total: int) -> None:
            bar.total, bar.n = total, done
            bar.refresh()

        yield step
