"""A yardstick of the machine, so that timings of different machines can be compared as ratios, and where results go."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

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


def report(line: dict, path: Path) -> None:
    """Print a result as JSON and append it to a file of results."""
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)
