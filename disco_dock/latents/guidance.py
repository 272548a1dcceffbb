"""Classifier-free guidance on the latents: conditional + w (conditional - null), on an interval of t."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Tensor

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True, slots=True)
class GuidanceConfig:
    """Weight and interval of guidance.

    Attributes:
        weight: 0 is plain conditioning; 1 doubles the step from the null prediction to the conditional one.
        t_min: guidance acts for t_min <= t <= t_max.
        t_max: see `t_min`.
    """

    weight: float = 0.0
    t_min: float = 0.0
    t_max: float = 1.0

    def __post_init__(self) -> None:
        """Check the interval."""
        if not 0 <= self.t_min <= self.t_max <= 1:
            raise ValueError(f"guidance needs 0 <= t_min <= t_max <= 1, got {self.t_min} and {self.t_max}")

    def active(self, t: float) -> bool:
        """Whether the null prediction is needed at time t."""
        return self.weight != 0 and self.t_min <= t <= self.t_max


def guide(conditional: Value, null: Value, weight: float) -> Value:
    """Guided prediction; tensors, or named tuples of tensors of the same type.

    Source: Ho and Salimans 2022 (arXiv:2207.12598), in the convention where weight 0 is no guidance; App. B of
    DisCo-Diff prints the formula in the other convention.
    """
    if isinstance(conditional, Tensor):
        return conditional + weight * (conditional - null)  # type: ignore[operator, return-value]
    pairs: Any = zip(conditional, null, strict=True)  # type: ignore[call-overload]
    return type(conditional)(*(guide(a, b, weight) for a, b in pairs))
