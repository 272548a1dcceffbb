"""Readers that fail in each way that the campaign must notice; they test the campaign, not the package."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from random import Random

import numpy as np

from disco_dock.runtime.errors import InputError
from tests.fuzz.cases import Kind


def _nothing(rng: Random, folder: Path) -> Path:
    return folder / "nothing"


def _traceback(path: Path) -> bool:
    raise KeyError(path.name)


def _sentence(path: Path) -> bool:
    error = InputError("x")
    error.args = ("two\nlines",)
    raise error


def _stray(path: Path) -> bool:
    (path.parent.parent / "stray.txt").write_text("x")
    return True


def _crash(path: Path) -> bool:
    os.kill(os.getpid(), signal.SIGSEGV)
    return True


def _memory(path: Path) -> bool:
    pages = np.zeros(600 << 20, dtype=np.uint8)
    pages[::4096] = 1
    return bool(pages[0])


def _hang(path: Path) -> bool:
    while path.name:
        pass
    return True


def _accepted(path: Path) -> bool:
    return True


READERS = {
    "accepted": _accepted,
    "traceback": _traceback,
    "sentence": _sentence,
    "stray": _stray,
    "memory": _memory,
    "crash": _crash,
    "hang": _hang,
}
BROKEN = {f"broken-{name}": Kind(_nothing, read, 1) for name, read in READERS.items()}
