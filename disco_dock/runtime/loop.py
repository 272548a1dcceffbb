"""The training loop: steps, clipping, averaging, checkpoints and exact resume."""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from disco_dock.runtime.checkpoint import load_state, save_state
from disco_dock.runtime.ema import Average
from disco_dock.runtime.errors import CheckpointError, ConfigError, NumericsError
from disco_dock.runtime.log import MetricsLog
from disco_dock.runtime.random import rng_state, set_rng_state

logger = logging.getLogger(__name__)
MAX_BAD_STEPS = 20  # in a row
STATE_FILE = "state.pt"


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopConfig:
    """Length of a run and how often it reports.

    Attributes:
        max_steps: updates in all.
        max_seconds: training seconds in all, over every resume; 0 for no limit.
        log_every: steps between metric lines.
        checkpoint_seconds: seconds between training states.
        clip_norm: largest gradient norm; 0 for none.
        learning_rate: peak rate.
        warmup_steps: linear warm-up.
        final_share: share of the peak rate at the end of the cosine decay.
    """

    max_steps: int = 100_000
    max_seconds: float = 0.0
    log_every: int = 20
    checkpoint_seconds: float = 120.0
    clip_norm: float = 1.0
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    final_share: float = 0.02

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.max_steps < 1:
            raise ConfigError(f"loop.max_steps must be at least 1, got {self.max_steps}")
        for name in ("max_seconds", "clip_norm", "warmup_steps"):
            if getattr(self, name) < 0:
                raise ConfigError(f"loop.{name} must not be negative, got {getattr(self, name)}")
        if self.log_every < 1 or self.learning_rate <= 0:
            raise ConfigError("loop.log_every must be at least 1 and loop.learning_rate positive")

    def rate(self, progress: float, step: int) -> float:
        """Learning rate: linear warm-up by steps, cosine decay by progress in [0, 1]."""
        warm = min(1.0, (step + 1) / max(self.warmup_steps, 1))
        decay = self.final_share + (1 - self.final_share) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        return self.learning_rate * warm * decay


class TrainingRun:
    """A model in training, and the folder that holds all of its state.

    Args:
        model: trained module.
        optimiser: over its parameters.
        ema: average of its parameters, or None.
        out_dir: gets `state.pt` and `metrics.jsonl`; a state found there is resumed.
        config: see `LoopConfig`.

    Raises:
        CheckpointError: the state found there is damaged or of another model.
    """

    def __init__(
        self,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        ema: Average | None,
        out_dir: Path,
        config: LoopConfig,
    ) -> None:
        self.model, self.optimiser, self.ema = model, optimiser, ema
        self.out_dir, self.config = out_dir, config
        self.step, self.seconds, self.bad_steps = 0, 0.0, 0
        self._stop: int | None = None
        if (out_dir / STATE_FILE).exists():
            self._restore(load_state(out_dir / STATE_FILE))
            logger.info("resumed %s at step %d", out_dir, self.step)
        self.log = MetricsLog(out_dir / "metrics.jsonl", resume_step=self.step)

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            self.model.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])
            if self.ema is not None:
                self.ema.load_state_dict(state["ema"])
            set_rng_state(state["rng"])
            self.step, self.seconds, self.bad_steps = state["step"], state["seconds"], state["bad_steps"]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:  # torch's own complaints take many lines
            raise CheckpointError(
                f"{self.out_dir / STATE_FILE}: the training state of another model or version; "
                "train into another folder or delete it"
            ) from error

    def save(self) -> None:
        """Write the training state atomically; a failure leaves the previous one."""
        state = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
            "rng": rng_state(),
            "step": self.step,
            "seconds": self.seconds,
            "bad_steps": self.bad_steps,
        }
        try:
            save_state(self.out_dir / STATE_FILE, state)
        except OSError as error:
            logger.warning("%s: training state not written (%s); the last one is kept", self.out_dir, error)

    def progress(self) -> float:
        """Share of the run that is done, by steps or by seconds, whichever ends first."""
        by_steps = self.step / self.config.max_steps
        by_time = self.seconds / self.config.max_seconds if self.config.max_seconds else 0.0
        return max(by_steps, by_time)

    def run(
        self,
        next_batch: Callable[[int], Any],
        loss_fn: Callable[[Any, int], tuple[Tensor, dict[str, float]]],
        on_checkpoint: Callable[[], None] | None = None,
    ) -> None:
        """Train until the configured end.

        Args:
            next_batch: step -> batch; must depend on the step only, so that a resumed run sees the same data.
            loss_fn: (batch, step) -> (scalar loss, metrics to log).
            on_checkpoint: called after each written state and at the end.

        Raises:
            NumericsError: 20 losses or gradients in a row were not finite.
            KeyboardInterrupt: SIGINT or SIGTERM came; the state has been written.
        """
        previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._loop(next_batch, loss_fn, on_checkpoint)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        if self._stop is not None:
            raise KeyboardInterrupt

    def _on_signal(self, number: int, _: Any) -> None:
        self._stop = number

    def _loop(self, next_batch, loss_fn, on_checkpoint) -> None:
        sums: dict[str, float] = {}
        counted, last_saved = 0, time.monotonic()
        self.model.train()
        while self.progress() < 1 and self._stop is None:
            started = time.monotonic()
            batch = next_batch(self.step)
            loaded = time.monotonic()
            buffers = [buffer.clone() for buffer in self.model.buffers()]
            loss, metrics = loss_fn(batch, self.step)
            self._update(loss, buffers)
            self.step += 1
            self.seconds += time.monotonic() - started
            metrics = {**metrics, "data_seconds": loaded - started, "step_seconds": time.monotonic() - started}
            counted += 1
            for name, value in metrics.items():
                sums[name] = sums.get(name, 0.0) + value
            if self.step % self.config.log_every == 0:
                rate = self.optimiser.param_groups[0]["lr"]
                self.log.write(self.step, {**{k: v / counted for k, v in sums.items()}, "lr": rate})
                sums, counted = {}, 0
            if time.monotonic() - last_saved > self.config.checkpoint_seconds:
                self.save()
                if on_checkpoint is not None:
                    on_checkpoint()
                last_saved = time.monotonic()
        self.save()
        if on_checkpoint is not None:
            on_checkpoint()

    def _update(self, loss: Tensor, buffers: list[Tensor]) -> None:
        """One optimiser step; a loss or gradient that is not finite is skipped and counted.

        Args:
            loss: scalar.
            buffers: running statistics before the forward pass, put back when the step is skipped.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.rate(self.progress(), self.step) * group.get("rate_factor", 1.0)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        limit = self.config.clip_norm or math.inf
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), limit)
        if not bool(torch.isfinite(loss.detach())) or not bool(torch.isfinite(norm)):
            self.bad_steps += 1
            for buffer, before in zip(self.model.buffers(), buffers, strict=True):
                buffer.copy_(before)
            if self.bad_steps >= MAX_BAD_STEPS:
                raise NumericsError(
                    f"{self.out_dir}: {MAX_BAD_STEPS} losses in a row were not finite (step {self.step}); "
                    "lower the learning rate"
                )
            return
        self.bad_steps = 0
        self.optimiser.step()
        if self.ema is not None:
            self.ema.update(self.model)
