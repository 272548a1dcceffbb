"""A yardstick of the machine, so that timings of different machines can be compared as ratios."""

from __future__ import annotations

import statistics
import time

import torch

SIZE, PRODUCTS, REPEATS = 1536, 4, 7
GEMM_FLOP = 2 * PRODUCTS * SIZE**3


def gemm_seconds() -> float:
    """Median seconds of four float32 products of 1536 x 1536 matrices (29 GFLOP) with torch's threads."""
    a, b = torch.randn(SIZE, SIZE), torch.randn(SIZE, SIZE)
    times = []
    for _ in range(REPEATS + 2):
        begin = time.perf_counter()
        for _ in range(PRODUCTS):
            _ = a @ b
        times.append(time.perf_counter() - begin)
    return statistics.median(times[2:])
