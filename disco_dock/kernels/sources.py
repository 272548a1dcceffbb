"""What the compiled kernels are made of, and for which processors a wheel carries them; the standard library only.

`setup.py` reads this file by its path, before any package is installed.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

SOURCES = (
    "convolution_backward.c",
    "convolution_forward.c",
    "edge_embedding.c",
    "packing.c",
    "pair_messages.c",
    "vina_chains.c",
    "vina_score.c",
    "vina_search.c",
)
HEADERS = (
    *("aggregate.h", "dropout.h", "exponential.h", "gemm.h", "layout.h", "products.h"),
    *("vina_energy.h", "vina_lanes.h", "vina_maps.h", "vina_pose.h"),
)
OPTIMISE = ("-O3", "-ffp-contract=fast", "-fno-math-errno", "-fPIC", "-shared", "-std=gnu11")
PREBUILT = "prebuilt"
"""Folder beside the sources where a wheel has its libraries."""


class Level(NamedTuple):
    """Processors that a library runs on: compiler's `-march`, and the flags in /proc/cpuinfo that they all have."""

    march: str
    flags: frozenset[str]


_AVX2 = frozenset("avx avx2 bmi1 bmi2 f16c fma movbe".split())
LEVELS = {
    "x86_64": (
        Level("x86-64-v4", _AVX2 | frozenset("avx512f avx512bw avx512cd avx512dq avx512vl".split())),
        Level("x86-64-v3", _AVX2),
        Level("x86-64", frozenset()),
    ),
    "aarch64": (Level("armv8-a", frozenset()),),
}
"""By machine, the best first. Source: x86-64 psABI, microarchitecture levels."""


def digest(folder: Path) -> str:
    """Hash of the sources and of how they are compiled; a library of other sources is never loaded."""
    found = hashlib.sha256()
    for name in (*HEADERS, *SOURCES):
        found.update((folder / name).read_bytes())
    for text in OPTIMISE:
        found.update(text.encode())
    return found.hexdigest()[:20]


def library_name(folder: Path, level: Level) -> str:
    """File name of the library of a level."""
    return f"kernels-{digest(folder)}-{level.march}.so"


def prebuilt_library(folder: Path, flags: Collection[str]) -> Path | None:
    """The best library in a wheel that a processor runs, or None.

    Args:
        folder: of the sources.
        flags: of the processor, as in /proc/cpuinfo.
    """
    if sys.platform != "linux":
        return None
    for level in LEVELS.get(platform.machine(), ()):
        path = folder / PREBUILT / library_name(folder, level)
        if level.flags <= set(flags) and path.is_file():
            return path
    return None


def prebuild(folder: Path, target: Path, compiler: str) -> list[Path]:
    """Compile the libraries of this machine's levels.

    They are linked without an OpenMP library of their own: torch has loaded its own by the time they are.

    Args:
        folder: of the sources.
        target: where to put them.
        compiler: command.

    Raises:
        subprocess.CalledProcessError: the compiler fails.
    """
    made = []
    target.mkdir(parents=True, exist_ok=True)
    for level in LEVELS[platform.machine()]:
        with tempfile.TemporaryDirectory() as scratch:
            objects = []
            for name in SOURCES:
                objects.append(str(Path(scratch) / name.replace(".c", ".o")))
                plain = [option for option in OPTIMISE if option != "-shared"]
                options = [*plain, f"-march={level.march}", "-fopenmp", "-c"]
                subprocess.run([compiler, *options, str(folder / name), "-o", objects[-1]], check=True)
            made.append(target / library_name(folder, level))
            subprocess.run([compiler, "-shared", *objects, "-o", str(made[-1]), "-lm"], check=True)
    return made
