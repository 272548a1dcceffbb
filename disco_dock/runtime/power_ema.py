# pyright: basic
"""Averages of parameters whose length grows with training, and other lengths made from stored ones afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def power_of_width(width: float) -> float:
    """Exponent gamma of the averaging profile tau^gamma whose standard deviation is `width` of the training so far.

    The profile (gamma + 1) tau^gamma on [0, 1] has variance (gamma + 1) / ((gamma + 2)^2 (gamma + 3)).

    Raises:
        ValueError: no profile with gamma >= 0 is that wide (the widest, gamma = 0, has 0.2887).

    Source: Karras et al. 2024 (arXiv:2312.02696), sec. 3.1.
    """
    if not 0 < width < 12**-0.5:
        raise ValueError(f"a relative width must be between 0 and 0.2887, got {width}")
    low, high = 0.0, 1e6
    for _ in range(200):  # the width falls with gamma
        middle = (low + high) / 2
        wider = (middle + 1) / ((middle + 2) ** 2 * (middle + 3)) > width**2
        low, high = (middle, high) if wider else (low, middle)
    return (low + high) / 2


class PowerAverages:
    """Averages with weights proportional to n^gamma over the updates n, one per relative width.

    Args:
        module: whose parameters are averaged.
        widths: standard deviation of each profile as a share of the training so far.

    Source: Karras et al. 2024 (arXiv:2312.02696), eq. 2.
    """

    def __init__(self, module: nn.Module, widths: Sequence[float]) -> None:
        self.powers = [power_of_width(width) for width in widths]
        self.updates = 0
        start = {name: parameter.detach() for name, parameter in module.named_parameters()}
        self.shadows = [{name: value.clone() for name, value in start.items()} for _ in widths]

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move the averages towards the module's parameters; the first update replaces them."""
        self.updates += 1
        for power, shadow in zip(self.powers, self.shadows, strict=True):
            rate = (1 - 1 / self.updates) ** (power + 1)
            for name, parameter in module.named_parameters():
                shadow[name].lerp_(parameter.detach(), 1 - rate)

    @contextmanager
    def swapped(self, module: nn.Module, which: int = 0) -> Iterator[None]:
        """The module holds an average inside the block and its own parameters again afterwards."""
        kept = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
        _copy(self.shadows[which], module)
        try:
            yield
        finally:
            _copy(kept, module)

    def state_dict(self) -> dict[str, Any]:
        """Number of updates and averages."""
        return {"updates": self.updates, "shadows": self.shadows}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` returned, on the devices of the averages."""
        self.shadows = [
            {name: given[name].clone().to(value) for name, value in shadow.items()}
            for given, shadow in zip(state["shadows"], self.shadows, strict=True)
        ]
        self.updates = int(state["updates"])


@torch.no_grad()
def _copy(source: Mapping[str, Tensor], module: nn.Module) -> None:
    for name, parameter in module.named_parameters():
        parameter.copy_(source[name])


def combination(powers: Sequence[float], ends: Sequence[float], power: float, end: float) -> np.ndarray:
    """Weights, of sum 1, of stored averages whose sum is nearest to the average of another exponent.

    The profiles p(t) = (gamma + 1) t^gamma / T^(gamma + 1) on [0, T] have the inner product
    (g + 1) (h + 1) min(S, T)^(g + h + 1) / ((g + h + 1) S^(g + 1) T^(h + 1)).

    Args:
        powers: gamma of each stored average.
        ends: updates at which each was stored.
        power: gamma of the wanted average.
        end: updates at which it ends.

    Source: Karras et al. 2024 (arXiv:2312.02696), sec. 3.2 (post-hoc synthesis), derived here.
    """

    def inner(g: float, s: float, h: float, t: float) -> float:
        low = min(s, t)
        log = (g + h + 1) * np.log(low) - (g + 1) * np.log(s) - (h + 1) * np.log(t)
        return (g + 1) * (h + 1) / (g + h + 1) * float(np.exp(log))

    stored = list(zip(powers, ends, strict=True))
    matrix = np.array([[inner(g, s, h, t) for h, t in stored] for g, s in stored])
    target = np.array([inner(g, s, power, end) for g, s in stored])
    weights = np.linalg.lstsq(matrix, target, rcond=None)[0]
    return weights / weights.sum()  # with few stored averages the nearest sum falls short of one
