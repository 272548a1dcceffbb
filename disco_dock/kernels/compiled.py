"""The compiled kernels: those of the wheel, or built once into the user's cache folder; loaded with ctypes."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import torch

from disco_dock.kernels.sources import OPTIMISE, SOURCES, digest, prebuilt_library
from disco_dock.runtime.files import cache_dir

logger = logging.getLogger(__name__)

SWITCH = "DISCO_DOCK_KERNELS"
"""Environment variable: `off` keeps to torch, `build` passes over a wheel's libraries, `prebuilt` takes only them."""
BUILD_SECONDS = 120  # after which a compiler is given up


class KernelsUnavailableError(RuntimeError):
    """Why there are no compiled kernels, in one sentence."""


def _compiler() -> str:
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        found = shutil.which(name.split()[0]) if name else None
        if found:
            return found
    raise KernelsUnavailableError("no C compiler was found (cc, gcc or clang)")


def _processor() -> str:
    """What decides which machine instructions may be used: the library of another processor is never loaded."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())


def _key(compiler: str, folder: Path) -> str:
    found = hashlib.sha256()
    for text in (digest(folder), compiler, sys.platform, platform.machine(), _processor()):
        found.update(text.encode())
    return found.hexdigest()[:20]


def _build(compiler: str, folder: Path, target: Path) -> None:
    """Compile into `target`, which appears whole or not at all.

    The attempts differ in what a compiler may lack: OpenMP, then instructions of this very processor.
    """
    sources = [str(folder / name) for name in SOURCES]
    problem = ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            made = Path(scratch) / target.name
            for extra in (("-march=native", "-fopenmp"), ("-march=native",), ("-fopenmp",), ()):
                command = [compiler, *OPTIMISE, *extra, *sources, "-o", str(made), "-lm"]
                done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
                if done.returncode == 0:
                    made.replace(target)
                    return
                problem = (done.stderr.strip().splitlines() or ["no message"])[0]
    except (OSError, subprocess.SubprocessError) as error:
        raise KernelsUnavailableError(f"{compiler} could not be run: {error}") from error
    raise KernelsUnavailableError(f"{compiler} failed: {problem}")


@lru_cache(maxsize=1)
def load() -> ctypes.CDLL:
    """The library: that of the wheel for this processor, else built if need be.

    Raises:
        KernelsUnavailableError: switched off, no library and no compiler, or a compiler that fails.
    """
    switch, folder = os.environ.get(SWITCH, "").lower(), Path(__file__).parent
    if switch in ("off", "0", "no"):
        raise KernelsUnavailableError(f"switched off by {SWITCH}")
    library = None if switch == "build" else _prebuilt(folder)
    if library is None:
        if switch == "prebuilt":
            raise KernelsUnavailableError(f"this installation has none for this processor, and {SWITCH} asks for them")
        compiler = _compiler()
        path = cache_dir() / "kernels" / f"kernels-{_key(compiler, folder)}.so"
        if not path.exists():
            _build(compiler, folder, path)
        try:
            library = ctypes.CDLL(str(path))  # torch has loaded its OpenMP already, so both use one pool of threads
        except OSError as error:
            raise KernelsUnavailableError(f"{path} cannot be loaded: {error}") from error
    library.disco_packed_size.restype = ctypes.c_size_t
    return library


def _prebuilt(folder: Path) -> ctypes.CDLL | None:
    """The library of the wheel, or None where there is none that loads."""
    path = prebuilt_library(folder, _processor().split())
    if path is None:
        return None
    try:
        return ctypes.CDLL(str(path))
    except OSError:
        _share_openmp()
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:  # such as a torch without GNU's OpenMP
        logger.info("the wheel's kernels cannot be loaded (%s); they are compiled here", error)
        return None


def _share_openmp() -> None:
    """Let other libraries use the OpenMP that torch has loaded; torch's wheels for aarch64 keep it to themselves."""
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for path in sorted({line.partition("/")[2] for line in lines if "/libgomp" in line}):
        ctypes.CDLL(f"/{path}", mode=ctypes.RTLD_GLOBAL)


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether there are compiled kernels; says once why not."""
    try:
        load()
    except KernelsUnavailableError as error:
        logger.warning("docking runs several times slower without compiled kernels: %s", error)
        return False
    return True


def usable(pos: torch.Tensor) -> bool:
    """Whether a pose can go through the kernels: float32 on a CPU, no autocast, no gradient by the positions."""
    plain = pos.device.type == "cpu" and pos.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return plain and not pos.requires_grad and available()


_threads = 0  # of the kernels; 0 for as many as torch has


def threads() -> int:
    """Threads that the kernels use."""
    return _threads or torch.get_num_threads()


@contextmanager
def torch_on_one_thread() -> Iterator[None]:
    """Leave the threads to the kernels: torch's own products change their last bits with the number of threads.

    The kernels compute every target alone, so inside this block results are the same bits at any number of threads.
    """
    global _threads  # noqa: PLW0603 - torch's own setting, which this one shadows, is global too
    before, own = torch.get_num_threads(), _threads
    _threads = threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        _threads = own
        torch.set_num_threads(before)


def lanes() -> int:
    """Floats per vector register that the library was compiled for."""
    return int(load().disco_lanes())
