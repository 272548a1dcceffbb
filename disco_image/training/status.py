"""The line that a run writes at every tick: how far, how fast, how well, in how much memory."""

from __future__ import annotations

import sys
import time

import torch

GIB = 2**30


class TickStatus:
    """Means since the last tick.

    Args:
        device: whose memory is stated; of the CPU it is that of the process.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._begin = self._last = time.monotonic()
        self._images, self._loss, self._steps = 0.0, 0.0, 0

    def count(self, metrics: dict[str, float]) -> None:
        """Count a step by its metrics."""
        self._images += metrics.get("images", 0.0)
        self._loss += metrics.get("loss", 0.0)
        self._steps += 1

    def line(self, tick: int, images: int) -> str:
        """``tick 3   kimg 96.0   loss 0.381   s/kimg 12.1   memory 2.30 GiB   time 0:19:22``; counts anew after it.

        Args:
            tick: its number.
            images: seen since the beginning of the run.
        """
        now = time.monotonic()
        per_kimg = (now - self._last) / max(self._images / 1000, 1e-9)
        loss = self._loss / max(self._steps, 1)
        whole = round(now - self._begin)
        text = (
            f"tick {tick}   kimg {images / 1000:.1f}   loss {loss:.4g}   s/kimg {per_kimg:.3g}   "
            f"memory {memory_bytes(self.device) / GIB:.2f} GiB   "
            f"time {whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
        )
        self._last, self._images, self._loss, self._steps = now, 0.0, 0.0, 0
        return text


def memory_bytes(device: torch.device) -> int:
    """Peak memory: torch's on a GPU, the process's elsewhere; 0 where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
