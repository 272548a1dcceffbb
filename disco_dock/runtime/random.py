# pyright: basic
"""Random streams that depend on names and numbers only, never on batch size, order or workers."""

from __future__ import annotations

import hashlib
import operator
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


def derive_seed(*keys: str | int) -> int:
    """A 63-bit seed from a sequence of strings and integers; different sequences give unrelated seeds.

    Integers of numpy and torch count as Python's.
    """
    digest = hashlib.sha256()
    for key in keys:
        kind, text = ("str", key) if isinstance(key, str) else ("int", str(operator.index(key)))
        data = text.encode()
        digest.update(f"{kind}:{len(data)}:".encode() + data)
    return int.from_bytes(digest.digest()[:8], "big") >> 1


def generator(*keys: str | int) -> torch.Generator:
    """A CPU generator seeded from the keys."""
    return torch.Generator().manual_seed(derive_seed(*keys))


class PoseRandom:
    """One random stream per pose, keyed by (seed, name, pose index).

    Args:
        seed: of the run.
        name: of the complex, or of the complex of each pose.
        indices: pose indices; draws come in this order.
    """

    def __init__(self, seed: int, name: str | Sequence[str], indices: Sequence[int]) -> None:
        self.indices = list(indices)
        names = [name] * len(self.indices) if isinstance(name, str) else name
        self._generators = [generator("pose", seed, own, index) for own, index in zip(names, self.indices, strict=True)]

    def __len__(self) -> int:
        return len(self.indices)

    def normal(self, *shape: int) -> Tensor:
        """(poses, *shape) float32 standard normal numbers."""
        return torch.stack([torch.randn(shape, generator=stream) for stream in self._generators])

    def uniform(self, *shape: int) -> Tensor:
        """(poses, *shape) float32 numbers in [0, 1)."""
        return torch.stack([torch.rand(shape, generator=stream) for stream in self._generators])

    def padded_normal(self, counts: Sequence[int], width: int) -> Tensor:
        """(poses, width) float32, `counts[k]` standard normal numbers of pose k and then zeros."""
        return self._padded(torch.randn, counts, width)

    def padded_uniform(self, counts: Sequence[int], width: int) -> Tensor:
        """(poses, width) float32, `counts[k]` numbers of pose k in [0, 1) and then zeros."""
        return self._padded(torch.rand, counts, width)

    def _padded(self, draw: Callable[..., Tensor], counts: Sequence[int], width: int) -> Tensor:
        drawn = torch.zeros(len(self), width)
        for row, count, stream in zip(drawn, counts, self._generators, strict=True):
            row[:count] = draw((count,), generator=stream)
        return drawn


def rng_state() -> dict[str, Any]:
    """The states of the global generators of python, numpy and torch (all devices), as plain values and tensors."""
    version, internal, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002 - the global state is the point
    return {
        "python": [version, list(internal), gauss],
        "numpy": [
            kind,
            torch.from_numpy(np.asarray(keys).astype(np.int64)),
            int(position),
            int(has_gauss),
            float(cached),
        ],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_rng_state(state: dict[str, Any]) -> None:
    """Put back what `rng_state` returned; states of GPUs only where there are as many as there were."""
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, cached))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    devices = state.get("cuda", [])
    if devices and torch.cuda.is_available() and torch.cuda.device_count() == len(devices):
        torch.cuda.set_rng_state_all(devices)
