"""Learning rates over a run: warm-up, then cosine, plateau or constant; and which validation was the best."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from disco_dock.runtime.errors import ConfigError

Mode = Literal["min", "max"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlateauConfig:
    """Lowering of the rate when the watched metric no longer improves.

    Attributes:
        factor: that the rate is multiplied by.
        patience: validations without a new best that are waited for.

    Source: the published training uses factor 0.7 and patience 30.
    """

    factor: float = 0.7
    patience: int = 30

    def __post_init__(self) -> None:
        """Check ranges."""
        if not 0 < self.factor < 1 or self.patience < 1:
            raise ConfigError(
                f"plateau needs 0 < factor < 1 and patience of at least 1, got {self.factor} and {self.patience}"
            )


@dataclass(kw_only=True, slots=True)
class Watch:
    """What is known about the watched metric; saved with the training state.

    Attributes:
        best: value, or None before the first validation.
        best_step: step of that value.
        waited: validations since then, or since the rate last fell.
        factor: by which the plateau has lowered the rate so far.
        validated: step of the last validation, -1 before the first.
    """

    best: float | None = None
    best_step: int = -1
    waited: int = 0
    factor: float = 1.0
    validated: int = -1

    def see(self, value: float, step: int, mode: Mode, plateau: PlateauConfig) -> bool:
        """Record a validation; returns whether it is the best so far. NaN never is."""
        self.validated = step
        better = not math.isnan(value) and (
            self.best is None or (value < self.best if mode == "min" else value > self.best)
        )
        if better:
            self.best, self.best_step, self.waited = value, step, 0
            return True
        self.waited += 1
        if self.waited > plateau.patience:
            self.factor, self.waited = self.factor * plateau.factor, 0
        return False

    def state_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def warm_up(step: int, steps: int) -> float:
    """Share of the rate during the first steps."""
    return min(1.0, (step + 1) / max(steps, 1))


def cosine(progress: float, final_share: float) -> float:
    """Share of the rate at a progress in [0, 1], from 1 to `final_share`."""
    return final_share + (1 - final_share) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
