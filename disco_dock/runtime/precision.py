# pyright: basic
"""Mixed precision: networks in 16 bits, geometry, losses and weights in 32."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager

import torch
import torch.utils.deterministic

from disco_dock.runtime.errors import ConfigError

PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def check_precision(name: str) -> None:
    """Raise a ConfigError unless the name is one of `PRECISIONS`."""
    if name not in PRECISIONS:
        raise ConfigError(f"loop.precision must be one of {', '.join(PRECISIONS)}, got {name!r}")


def mixed_precision(device: torch.device, name: str) -> AbstractContextManager:
    """Inside the block matrix products run in the named precision."""
    dtype = PRECISIONS[name]
    return torch.autocast(device.type, dtype=None if name == "float32" else dtype, enabled=name != "float32")


def full_precision(device: torch.device) -> AbstractContextManager:
    """Nothing in the block runs in 16 bits, whatever surrounds it: for positions, noise and losses."""
    return torch.autocast(device.type, enabled=False)


def loss_scaler(device: torch.device, name: str) -> torch.amp.GradScaler:
    """Scales losses in fp16, whose small gradients would vanish; does nothing otherwise."""
    return torch.amp.GradScaler(device.type, enabled=name == "fp16")


def make_deterministic() -> None:
    """Ask GPU kernels for the same bits in every run; kernels that cannot warn once and run anyway."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when the first matrix product runs
    torch.use_deterministic_algorithms(True, warn_only=True)
    # a help for finding bugs that costs time; pyright does not see it, for the module makes it a property
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
