"""What `train` shows: what is trained, a bar with rate and time left, plain lines in a log, and where things are."""

from __future__ import annotations

import math
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from disco_dock.cli.bar import BarConsole
from disco_dock.cli.wording import WIDTH, count, duration, say, tail, wrapped

if TYPE_CHECKING:
    from disco_dock.runtime.loop import TrainingRun
    from disco_dock.training.settings import TrainConfig

LINE_SECONDS = 30.0  # between lines when the output is no terminal
RECENT = 50  # steps that rates are taken over
SETTLED = 5  # steps after which a rate is believed
TOO_LONG = 7 * 86400.0  # seconds
PATH_ROOM = 8  # columns, the least
NEXT = {"score": "prior", "prior": "confidence"}


class TrainConsole(BarConsole):
    """Progress on stderr; use it as a context manager around the work.

    Args:
        silent: show nothing, for all processes but the first.
    """

    def __init__(self, *, silent: bool = False) -> None:
        super().__init__(silent=silent)
        self._name = self._headline = ""
        self._recent: deque[tuple[float, float]] = deque(maxlen=RECENT)  # (seconds, poses) of each step
        self._last_line = 0.0
        self._warned = False

    def begin(self, stage: str, config: TrainConfig, shards: Path, device: str) -> None:
        """Say, with the first that is done, which stage this is, on what, and how long it may take."""
        loop = config.loop
        minutes = f" or {duration(loop.max_seconds)}" if loop.max_seconds else ""
        sizes = f" ({config.preset})" if config.preset else ""
        begin, end = f"training {stage}{sizes} on ", f", {device}: {loop.max_steps:,} steps{minutes}"
        self._headline = f"{begin}{tail(str(shards), max(PATH_ROOM, WIDTH - len(begin) - len(end)))}{end}"

    def step(self, run: TrainingRun, metrics: dict[str, float]) -> None:
        """Show a finished training step."""
        if self._silent:
            return
        if run.out_dir.name != self._name:
            self._start(run)
        self._recent.append((metrics.get("step_seconds", 0.0), metrics.get("rows", 0.0)))
        left, progress = self._left(run), min(run.progress(), 1.0)
        self._warn_once(run, left)
        text = f"{self._name} step {run.step:,}, {self._rate()}, loss {metrics.get('loss', math.nan):.3f}"
        text += f", {duration(left)} left" if math.isfinite(left) and progress < 1 else ""
        now = time.monotonic()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=text, completed=progress)
        elif now - self._last_line > LINE_SECONDS or progress >= 1:
            self._last_line = now
            say(f"{100 * progress:.0f} %: {text}")

    def wait(self, text: str) -> None:
        """Show work that is no training step."""
        self._say(text)

    def end(self, stage: str, out: Path, *, last: bool) -> None:
        """Say that a stage is finished, where its checkpoint is, and after the last one what to do with it."""
        if self._silent:
            return
        print(wrapped(f"{stage}: done; checkpoint {out / 'checkpoint'}, curves {out / stage / 'metrics.jsonl'}"))
        if last and stage in NEXT:
            print(wrapped(f"next: disco-dock train {NEXT[stage]} -o {out} with the same shards"))
        elif last:
            print(wrapped(f"next: disco-dock predict --checkpoint {out / 'checkpoint'}"))

    def _start(self, run: TrainingRun) -> None:
        self._name = run.out_dir.name
        self._recent.clear()
        self._warned = False
        self._say(f"{self._name}: going on after step {run.step - 1:,}" if run.step > 1 else "")
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(self._name, total=1.0)

    def _left(self, run: TrainingRun) -> float:
        """Seconds until the run ends by steps or by time, whichever is first."""
        seconds = sum(one for one, _ in self._recent)
        by_steps = (run.config.max_steps - run.step) * seconds / len(self._recent)
        by_time = run.config.max_seconds - run.seconds if run.config.max_seconds else math.inf
        return max(0.0, min(by_steps, by_time))

    def _rate(self) -> str:
        """Poses or steps a second."""
        seconds, poses = map(sum, zip(*self._recent, strict=True))
        if seconds <= 0:
            return "starting"
        per_second, what = (poses, "poses/s") if poses else (len(self._recent), "steps/s")
        return f"{per_second / seconds:.3g} {what}"

    def _warn_once(self, run: TrainingRun, left: float) -> None:
        if self._warned or len(self._recent) < SETTLED:
            return
        self._warned = True
        if left > TOO_LONG and math.isfinite(left):
            steps = count(run.config.max_steps, "step")
            self._say(
                f"warning: {steps} take {duration(left)} at this rate; end sooner with --minutes M, or with "
                "--set loop.max_steps=N"
            )

    def _say(self, text: str) -> None:
        """Show a line above the bar, after the headline of a stage that has just begun."""
        if self._silent:
            return
        lines, self._headline = [line for line in (self._headline, text) if line], ""
        for line in lines:
            self._above(line if self._bar is None else wrapped(line))
