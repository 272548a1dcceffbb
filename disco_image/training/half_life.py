"""Average of weights with a half-life in images, as EDM keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class HalfLifeAverage:
    """Average whose past counts half after so many images.

    Args:
        module: whose parameters are averaged; buffers are not.
        images: half-life in images.
        batch_size: images of an update, over all processes.
        ramp_up: the half-life is at most this share of the images seen so far; 0 for no limit.

    Source: Karras et al. 2022 (arXiv:2206.00364), app. F.2 and table 7.
    """

    def __init__(self, module: nn.Module, images: int, batch_size: int, ramp_up: float) -> None:
        self.images, self.batch_size, self.ramp_up, self.updates = images, batch_size, ramp_up, 0
        self.shadow = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}

    def rate(self) -> float:
        """Weight of the average in its next update."""
        seen = self.updates * self.batch_size
        half = min(self.images, seen * self.ramp_up) if self.ramp_up else self.images
        return 0.5 ** (self.batch_size / half) if half else 0.0

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move the average towards the module's parameters; with a ramp the first update replaces it."""
        rate = self.rate()
        self.updates += 1
        for name, parameter in module.named_parameters():
            self.shadow[name].lerp_(parameter.detach(), 1 - rate)

    @contextmanager
    def swapped(self, module: nn.Module) -> Iterator[None]:
        """The module holds the average inside the block and its own parameters again afterwards."""
        kept = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
        _copy(self.shadow, module)
        try:
            yield
        finally:
            _copy(kept, module)

    def state_dict(self) -> dict[str, Any]:
        """Number of updates and the average."""
        return {"updates": self.updates, "shadow": self.shadow}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` returned, on the devices of the average."""
        self.shadow = {name: state["shadow"][name].clone().to(value) for name, value in self.shadow.items()}
        self.updates = int(state["updates"])


@torch.no_grad()
def _copy(source: Mapping[str, Tensor], module: nn.Module) -> None:
    for name, parameter in module.named_parameters():
        parameter.copy_(source[name])
