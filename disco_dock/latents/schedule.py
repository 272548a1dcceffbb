"""Temperature of the Gumbel-softmax over training steps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class TemperatureSchedule:
    """A temperature that is constant or moves from `start` to `end` within `steps` steps.

    Attributes:
        kind: ``constant``, ``linear`` or ``exponential``.
        start: temperature at step 0.
        end: temperature from step `steps` on.
        steps: length of the change.
    """

    kind: str = "constant"
    start: float = 1.0
    end: float = 1.0
    steps: int = 1

    def __post_init__(self) -> None:
        """Check kind and ranges."""
        if self.kind not in ("constant", "linear", "exponential"):
            raise ValueError(f"kind must be constant, linear or exponential, got {self.kind!r}")
        if self.start <= 0 or self.end <= 0 or self.steps < 1:
            raise ValueError("temperatures must be > 0 and steps at least 1")

    def at(self, step: int) -> float:
        """Temperature at a step."""
        if self.kind == "constant":
            return self.start
        fraction = min(max(step / self.steps, 0.0), 1.0)
        if self.kind == "linear":
            return self.start + fraction * (self.end - self.start)
        return self.start * (self.end / self.start) ** fraction
