"""Logging set-up, and metrics as JSON lines and for TensorBoard."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from disco_dock.runtime.errors import ConfigError
from disco_dock.runtime.files import atomic_write

logger = logging.getLogger(__name__)


def setup_logging(verbosity: int) -> None:
    """Log to standard error: warnings as plain lines, with 1 also information, with 2 everything."""
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    form = "%(levelname)s %(name)s: %(message)s" if verbosity else "warning: %(message)s"
    logging.basicConfig(level=level, stream=sys.stderr, format=form, force=True)


class MetricsLog:
    """Appends one JSON object per line; lines after the step that a run resumes from are removed.

    Args:
        path: of the file.
        resume_step: keep only lines with a step up to this one.
        writes: False writes nothing, for all processes but the first.
        tensorboard: folder that gets the numbers for TensorBoard too, or None.

    Raises:
        ConfigError: TensorBoard is wanted and not installed.
    """

    def __init__(
        self, path: str | Path, *, resume_step: int = 0, writes: bool = True, tensorboard: Path | None = None
    ) -> None:
        self.path, self.writes = Path(path), writes
        self._board = _board(tensorboard, resume_step) if writes and tensorboard is not None else None
        if not writes:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            text = self.path.read_text(encoding="utf-8")
            kept = "".join(f"{line}\n" for line in text.splitlines() if _step(line) <= resume_step)
            if kept != text:
                with atomic_write(self.path, "w") as handle:
                    handle.write(kept)

    def write(self, step: int, values: dict[str, Any]) -> None:
        """Append step, wall-clock time (s since the epoch) and values; a full disk loses the line, not the run."""
        if not self.writes:
            return
        line = json.dumps({"step": step, "time": round(time.time(), 3), **values})
        try:
            with self.path.open("a", encoding="utf-8") as handle:
                handle.write(line + "\n")
        except OSError as error:
            logger.warning("%s: metrics of step %d not written (%s)", self.path, step, error)
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush TensorBoard."""
        if self._board is not None:
            self._board.close()


def _board(folder: Path, resume_step: int) -> Any:
    """TensorBoard's writer; points after `resume_step` of an earlier run are hidden."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigError(
            "loop.tensorboard needs the package tensorboard; pip install 'disco-dock[tensorboard]' or set it to false"
        ) from error
    return SummaryWriter(str(folder), purge_step=resume_step + 1 if resume_step else None)


def _step(line: str) -> float:
    """The step of a line; a line that a crash cut short sorts last."""
    try:
        return float(json.loads(line)["step"])
    except (json.JSONDecodeError, KeyError, TypeError, ValueError):
        return float("inf")
