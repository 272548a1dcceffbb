"""Logging set-up and metrics as JSON lines."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from disco_dock.runtime.files import atomic_write


def setup_logging(verbosity: int) -> None:
    """Log to standard error: warnings, with 1 also information, with 2 everything."""
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", force=True)


class MetricsLog:
    """Appends one JSON object per line; lines after the step that a run resumes from are removed.

    Args:
        path: of the file.
        resume_step: keep only lines with a step up to this one.
    """

    def __init__(self, path: str | Path, *, resume_step: int = 0) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            kept = [line for line in self.path.read_text(encoding="utf-8").splitlines() if _step(line) <= resume_step]
            with atomic_write(self.path, "w") as handle:
                handle.writelines(f"{line}\n" for line in kept)

    def write(self, step: int, values: dict[str, Any]) -> None:
        """Append step, wall-clock time (s since the epoch) and values."""
        line = json.dumps({"step": step, "time": round(time.time(), 3), **values})
        with self.path.open("a", encoding="utf-8") as handle:
            handle.write(line + "\n")


def _step(line: str) -> float:
    """The step of a line; a line that a crash cut short counts as later than any."""
    try:
        return float(json.loads(line)["step"])
    except (json.JSONDecodeError, KeyError, TypeError, ValueError):
        return float("inf")
