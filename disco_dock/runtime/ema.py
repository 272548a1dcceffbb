"""Exponential moving average of parameters."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import nn


class Average(Protocol):
    """What the training loop asks of an average of parameters."""

    def update(self, module: nn.Module) -> None:
        """Move the average towards the module's parameters."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """The average as tensors and plain values."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` returned."""
        ...


class ExponentialMovingAverage:
    """Average of a module's parameters with rate min(decay, (1 + n) / (10 + n)) after n updates.

    Args:
        module: whose parameters are averaged; buffers are not.
        decay: final rate in [0, 1).
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay}")
        self.decay, self.updates = decay, 0
        self.shadow = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move the average towards the module's parameters."""
        self.updates += 1
        rate = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, parameter in module.named_parameters():
            self.shadow[name].lerp_(parameter.detach().to(self.shadow[name].device), 1 - rate)

    @contextmanager
    def swapped(self, module: nn.Module) -> Generator[None, None, None]:
        """The module holds the average inside the block and its own parameters again afterwards."""
        kept = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
        self._copy(self.shadow, module)
        try:
            yield
        finally:
            self._copy(kept, module)

    @staticmethod
    @torch.no_grad()
    def _copy(source: Mapping[str, torch.Tensor], module: nn.Module) -> None:
        for name, parameter in module.named_parameters():
            parameter.copy_(source[name])

    def state_dict(self) -> dict[str, Any]:
        """Number of updates and averages."""
        return {"updates": self.updates, "shadow": self.shadow}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` returned, on the devices of the averages."""
        given = state["shadow"]
        self.shadow = {name: given[name].clone().to(value) for name, value in self.shadow.items()}
        self.updates = int(state["updates"])
