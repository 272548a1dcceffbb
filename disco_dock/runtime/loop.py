# pyright: basic
"""The training loop: steps, clipping, averaging, validation, checkpoints and exact resume."""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from disco_dock.runtime.checkpoint import load_state, save_state
from disco_dock.runtime.distributed import average_gradients, from_first, processes, total_of_each
from disco_dock.runtime.ema import Average
from disco_dock.runtime.errors import CheckpointError, ConfigError, InputError, NumericsError
from disco_dock.runtime.log import MetricsLog
from disco_dock.runtime.precision import check_precision, loss_scaler, make_deterministic, mixed_precision
from disco_dock.runtime.random import derive_seed, rng_state, set_rng_state
from disco_dock.runtime.rates import Mode, PlateauConfig, Watch, cosine, warm_up

logger = logging.getLogger(__name__)
MAX_BAD_STEPS = 20  # in a row
STATE_FILE = "state.pt"
PAUSE = 0  # stands where the number of a signal would
SCHEDULES = ("cosine", "plateau", "constant")


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopConfig:
    """Length of a run, its rates and how often it reports.

    Attributes:
        max_steps: updates in all.
        max_seconds: training seconds in all, over every resume; 0 for no limit. A run that ends by time depends on the
            speed of the machine; one that ends by `max_steps` does not.
        log_every: steps between metric lines.
        checkpoint_seconds: seconds between training states.
        clip_norm: largest gradient norm; 0 for none.
        learning_rate: peak rate.
        schedule: after the warm-up: ``cosine`` decay over the run, ``plateau`` of the watched metric, or ``constant``.
        plateau: see `PlateauConfig`.
        warmup_steps: linear warm-up.
        final_share: share of the peak rate at the end of the cosine decay, and the least that a plateau lowers it to.
        precision: of matrix products: ``float32``, ``bf16`` or ``fp16``.
        deterministic: the same bits in every run on a GPU too, at some cost in speed.
        tensorboard: also write TensorBoard files.
    """

    max_steps: int = 100_000
    max_seconds: float = 0.0
    log_every: int = 20
    checkpoint_seconds: float = 120.0
    clip_norm: float = 1.0
    learning_rate: float = 1e-3
    schedule: Literal["cosine", "plateau", "constant"] = "cosine"
    plateau: PlateauConfig = field(default_factory=PlateauConfig)
    warmup_steps: int = 100
    final_share: float = 0.02
    precision: Literal["float32", "bf16", "fp16"] = "float32"
    deterministic: bool = True
    tensorboard: bool = False

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.max_steps < 1:
            raise ConfigError(f"loop.max_steps must be at least 1, got {self.max_steps}")
        for name in ("max_seconds", "clip_norm", "warmup_steps", "final_share"):
            if getattr(self, name) < 0:
                raise ConfigError(f"loop.{name} must not be negative, got {getattr(self, name)}")
        if self.log_every < 1 or self.learning_rate <= 0:
            raise ConfigError("loop.log_every must be at least 1 and loop.learning_rate positive")
        if self.schedule not in SCHEDULES:
            raise ConfigError(f"loop.schedule must be one of {', '.join(SCHEDULES)}, got {self.schedule!r}")
        check_precision(self.precision)

    def rate(self, progress: float, step: int, plateau_factor: float = 1.0) -> float:
        """Learning rate: linear warm-up by steps, then the schedule; progress in [0, 1]."""
        share = warm_up(step, self.warmup_steps)
        if self.schedule == "cosine":
            share *= cosine(progress, self.final_share)
        elif self.schedule == "plateau":
            share *= max(plateau_factor, self.final_share)
        return self.learning_rate * share


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Validation during a run; every process calls `measure`, the first one writes.

    Attributes:
        measure: step -> values by name.
        every: steps between validations; one more comes at the end.
        metric: name of the value that picks the best weights and that a plateau watches.
        mode: whether it should be small or large.
    """

    measure: Callable[[int], dict[str, float]]
    every: int
    metric: str
    mode: Mode


class PausedError(Exception):
    """The time limit of this call passed before the end of the run; the state is saved."""


class TrainingRun:
    """A model in training, and the folder that holds all of its state.

    Args:
        model: trained module.
        optimiser: over its parameters; a group's `rate_factor` multiplies the rate, during the first `frozen_steps`
            steps of the run the group stands still.
        ema: average of its parameters, or None.
        out_dir: gets `state.pt` and `metrics.jsonl`; a state found there is resumed.
        config: see `LoopConfig`.
        seed: of what the model draws from the global generators (dropout), anew for each step; None leaves them alone.

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
        *,
        seed: int | None = None,
    ) -> None:
        self.model, self.optimiser, self.ema = model, optimiser, ema
        self.out_dir, self.config, self.seed = out_dir, config, seed
        self.step, self.seconds, self.bad_steps = 0, 0.0, 0
        self.cpu_seconds = 0.0
        self.watch = Watch()
        self.device = next(model.parameters()).device
        if config.deterministic and self.device.type == "cuda":
            make_deterministic()
        self._scaler = loss_scaler(self.device, config.precision)
        self._sums: dict[str, float] = {}
        self._counted = 0
        self._stop: int | None = None
        self._unsaved: OSError | None = None
        if (out_dir / STATE_FILE).exists():
            self._restore(load_state(out_dir / STATE_FILE))
            logger.info("resumed %s at step %d", out_dir, self.step)
        self.log = MetricsLog(
            out_dir / "metrics.jsonl",
            resume_step=self.step,
            writes=processes().first,
            tensorboard=out_dir / "tensorboard" if config.tensorboard else None,
        )

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            self.model.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])
            if self.ema is not None:
                self.ema.load_state_dict(state["ema"])
            set_rng_state(state["rng"])
            self.step, self.seconds, self.bad_steps = state["step"], state["seconds"], state["bad_steps"]
            self.cpu_seconds = state.get("cpu_seconds", 0.0)
            self.watch = Watch(**state["watch"])
            self._sums, self._counted = dict(state["sums"]), state["counted"]
            if self._scaler.is_enabled():
                self._scaler.load_state_dict(state["scaler"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:  # torch's message takes many lines
            raise CheckpointError(
                f"{self.out_dir / STATE_FILE}: the training state of another model or version; "
                "train into another folder or delete it"
            ) from error

    def save(self) -> None:
        """Write the training state atomically; a failure leaves the previous one."""
        if not processes().first:
            return
        state = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
            "rng": rng_state(),
            "step": self.step,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "bad_steps": self.bad_steps,
            "watch": self.watch.state_dict(),
            "sums": self._sums,
            "counted": self._counted,
            "scaler": self._scaler.state_dict(),
        }
        try:
            self._unsaved = None
            save_state(self.out_dir / STATE_FILE, state)
        except OSError as error:
            logger.warning("%s: training state not written (%s); the last one is kept", self.out_dir, error)
            self._unsaved = error

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
        *,
        validation: Validation | None = None,
        on_step: Callable[[TrainingRun, dict[str, float]], None] | None = None,
        stop_after: float = math.inf,
    ) -> None:
        """Train until the configured end.

        Args:
            next_batch: step -> batch; must depend on the step only, so that a resumed run sees the same data.
            loss_fn: (batch, step) -> (scalar loss, metrics to log); it may have added the gradients of parts of the
                loss already, which the returned scalar then has by value only.
            on_checkpoint: exports the weights, in the first process: with a validation after each that is the best so
                far, else after each state that is written.
            validation: how the run watches itself, or None.
            on_step: called after each step with the run and the step's metrics.
            stop_after: seconds after which this call ends early.

        Raises:
            ConfigError: a plateau without validation.
            InputError: the last training state or export could not be written.
            NumericsError: 20 losses or gradients in a row were not finite.
            KeyboardInterrupt: SIGINT or SIGTERM came; the state has been written.
            PausedError: `stop_after` passed; the state has been written.
        """
        if self.config.schedule == "plateau" and validation is None:
            raise ConfigError("loop.schedule=plateau watches the validation, and there is none; give validation data")
        previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._loop(next_batch, loss_fn, on_checkpoint, validation, on_step, time.monotonic() + stop_after)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            self.log.close()
        if self._unsaved is not None:
            raise InputError(
                f"{self.out_dir}: the end of the training could not be written ({self._unsaved}); free some space and "
                "run again to continue from the last state"
            )
        if self._stop == PAUSE:
            raise PausedError(f"{self.out_dir.name}: paused at step {self.step}; run the same command again to go on")
        if self._stop is not None:
            raise KeyboardInterrupt("stopped early; the state is written, run the same command again to go on")

    def _on_signal(self, number: int, _: Any) -> None:
        self._stop = number

    def _loop(self, next_batch, loss_fn, on_checkpoint, validation: Validation | None, on_step, deadline) -> None:
        last_saved = time.monotonic()
        self.model.train()
        while self._goes_on(deadline):
            started, cpu_started = time.monotonic(), time.process_time()
            batch = next_batch(self.step)
            loaded = time.monotonic()
            metrics = self._train_step(batch, loss_fn)
            self.step += 1
            now = time.monotonic()
            self.seconds += now - started
            self.cpu_seconds += time.process_time() - cpu_started
            metrics |= {"data_seconds": loaded - started, "step_seconds": now - started}
            self._count(metrics)
            if on_step is not None:
                on_step(self, metrics)
            if validation is not None and self.step % validation.every == 0:
                self._validate(validation, on_checkpoint)
            if time.monotonic() - last_saved > self.config.checkpoint_seconds:
                self._checkpoint(None if validation is not None else on_checkpoint)
                last_saved = time.monotonic()
        if validation is not None and self._stop is None and self.watch.validated != self.step:
            self._validate(validation, on_checkpoint)
        self._checkpoint(None if validation is not None else on_checkpoint)

    def _goes_on(self, deadline: float) -> bool:
        """Whether there is a next step; all processes decide together, by the clocks and signals of all."""
        if time.monotonic() > deadline and self._stop is None and self.progress() < 1:
            self._stop = PAUSE
        if processes().size > 1:
            stopped = total_of_each({"stop": 0.0 if self._stop is None else 1.0})["stop"]
            self._stop = PAUSE if stopped and self._stop is None else self._stop
            self.seconds = from_first(self.seconds) if self.config.max_seconds else self.seconds
        return self.progress() < 1 and self._stop is None

    def _count(self, metrics: dict[str, float]) -> None:
        """Add a step to the means, and write them when their line is due."""
        self._counted += 1
        for name, value in metrics.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        if self.step % self.config.log_every == 0:
            count = self._counted * processes().size
            means = {name: value / count for name, value in total_of_each(self._sums).items()}
            self.log.write(self.step, {**means, "lr": self.optimiser.param_groups[0]["lr"]})
            self._sums, self._counted = {}, 0

    def _validate(self, validation: Validation, on_best: Callable[[], None] | None) -> None:
        """Measure; the best weights so far are exported before the state says that they are."""
        values = {**validation.measure(self.step), "cpu_seconds": round(self.cpu_seconds, 1)}
        self.model.train()
        if validation.metric not in values:
            raise ConfigError(
                f"the validation has no {validation.metric!r} to choose the best weights by; it has {', '.join(values)}"
            )
        self.log.write(self.step, values)
        before = replace(self.watch, validated=self.step)
        best = self.watch.see(values[validation.metric], self.step, validation.mode, self.config.plateau)
        if best and not from_first(self._export(on_best)):
            self.watch = before  # so that the next good weights are exported

    def _checkpoint(self, export: Callable[[], None] | None) -> None:
        self.save()
        self._export(export)

    def _export(self, export: Callable[[], None] | None) -> bool:
        """Whether the weights could be exported; only the first process does it."""
        if export is None or not processes().first:
            return True
        try:
            export()
        except OSError as error:
            self._unsaved = error
            logger.warning("%s: weights not exported (%s); the last ones are kept", self.out_dir, error)
            return False
        return True

    def _train_step(self, batch: Any, loss_fn) -> dict[str, float]:
        """Forward, backward and update; metrics of the batch."""
        if self.seed is not None:
            torch.manual_seed(derive_seed("step", self.seed, self.step, processes().rank))
        buffers = [buffer.clone() for buffer in self.model.buffers()]
        self.optimiser.zero_grad(set_to_none=True)
        with mixed_precision(self.device, self.config.precision):
            loss, metrics = loss_fn(batch, self.step)
        self._update(loss, buffers)
        return dict(metrics)

    def _set_rates(self) -> None:
        rate = self.config.rate(self.progress(), self.step, self.watch.factor)
        for group in self.optimiser.param_groups:
            frozen = self.step < group.get("frozen_steps", 0)
            group["lr"] = 0.0 if frozen else rate * group.get("rate_factor", 1.0)

    def _update(self, loss: Tensor, buffers: list[Tensor]) -> None:
        """One optimiser step; a loss or gradient that is not finite is skipped and counted.

        Args:
            loss: scalar.
            buffers: running statistics before the forward pass, put back when the step is skipped.
        """
        self._set_rates()
        self._scaler.scale(loss).backward()
        mean_loss = average_gradients(self.model.parameters(), loss)
        self._scaler.unscale_(self.optimiser)
        limit = self.config.clip_norm or math.inf
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), limit)
        finite = bool(torch.isfinite(mean_loss)) and bool(torch.isfinite(norm))
        if finite:
            self._scaler.step(self.optimiser)
        self._scaler.update()
        if finite:
            self.bad_steps = 0
            if self.ema is not None:
                self.ema.update(self.model)
            return
        self.bad_steps += 1
        for buffer, before in zip(self.model.buffers(), buffers, strict=True):
            buffer.copy_(before)
        if self.bad_steps >= MAX_BAD_STEPS:
            raise NumericsError(
                f"{self.out_dir}: {MAX_BAD_STEPS} losses in a row were not finite (step {self.step}); "
                "lower the learning rate"
            )
