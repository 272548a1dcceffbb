"""Checks of an installation: what is installed, what is broken, and how to repair it.

Imports are inside the checks, so that a broken dependency is a finding and not a traceback.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from disco_dock.runtime.errors import DiscoError
from disco_dock.runtime.versions import package_version

if TYPE_CHECKING:
    from disco_dock.docking.engine import Engine

MODULES = {
    "numpy": "numpy",
    "torch": "torch",
    "scipy": "scipy",
    "rdkit": "rdkit.Chem",
    "biopython": "Bio.PDB",
    "safetensors": "safetensors.torch",
    "PyYAML": "yaml",
    "rich": "rich.progress",
    "e3nn": "e3nn.o3",
    "torch-geometric": "torch_geometric",
}
"""Distribution name: module to import."""

EXTRAS = {
    "evaluate": ("posebusters", "checks of poses by PoseBusters"),
    "serve": ("fastapi", "disco-dock serve"),
    "mcp": ("mcp", "disco-dock mcp"),
    "notebook": ("pandas", "tables in notebooks"),
    "protonate": ("dimorphite_dl", "protonation states at a pH (--protonate)"),
    "completion": ("argcomplete", "completion of options in the shell"),
    "parquet": ("pyarrow", "Parquet libraries and exports"),
    "ray": ("ray", "screening on a Ray cluster"),
    "vina": ("vina", "AutoDock Vina as a baseline"),
    "cnn": ("rustina", "ranking by GNINA's network, where there is a wheel of rustina: Linux on x86-64"),
    "tensorboard": ("tensorboard", "training curves in TensorBoard"),
}
"""Extra of the package: (module that it brings, what it is for)."""

CHECK_ERRORS = (DiscoError, ImportError, OSError, RuntimeError, ValueError)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report; a problem has a remedy."""

    subject: str
    level: Literal["ok", "note", "problem"]
    detail: str
    remedy: str = ""


def examine(checkpoint: Path | None = None, device: str = "auto") -> Iterator[Finding]:
    """All findings, each as soon as it is known.

    Args:
        checkpoint: folder to test; None for the one that comes with the package.
        device: device to test.
    """
    yield check_python()
    packages = list(check_packages())
    yield from packages
    yield check_extras()
    yield check_cache()
    if any(finding.level == "problem" for finding in packages):
        yield Finding(subject="docking", level="note", detail="not tested, because packages are missing")
        return
    yield check_threads()
    yield check_device(device)
    yield check_kernels()
    yield check_tables()
    finding, engine = check_checkpoint(checkpoint, device)
    yield finding
    if engine is not None:
        yield self_test(engine)


def check_python() -> Finding:
    """Version of Python."""
    return Finding(subject="python", level="ok", detail=f"{sys.version.split()[0]} on {sys.platform}")


def check_packages() -> Iterator[Finding]:
    """Whether each needed package can be imported, and its version."""
    for name, module in MODULES.items():
        try:
            import_module(module)
        except (ImportError, OSError) as error:  # OSError: a shared library that cannot be loaded
            detail = f"cannot be imported ({' '.join(str(error).split())})"
            remedy = f"pip install --force-reinstall {name}"
            yield Finding(subject=name, level="problem", detail=detail, remedy=remedy)
        else:
            yield Finding(subject=name, level="ok", detail=package_version(name) or "unknown version")


def check_extras() -> Finding:
    """Which optional parts are installed, and what the others would be for."""
    absent = {name: use for name, (module, use) in EXTRAS.items() if find_spec(module) is None}
    there = ", ".join(name for name in EXTRAS if name not in absent) or "none"
    if not absent:
        return Finding(subject="extras", level="ok", detail=there)
    wanted = "; ".join(f"{name} ({use})" for name, use in absent.items())
    remedy = f"pip install 'disco-dock[{','.join(absent)}]' for: {wanted}"
    return Finding(subject="extras", level="note", detail=f"{there}; not installed: {', '.join(absent)}", remedy=remedy)


def check_threads() -> Finding:
    """Threads that torch uses."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = torch.get_num_threads()
    detail = f"{threads} of {cores} cores"
    if threads > cores:
        remedy = f"set OMP_NUM_THREADS={cores}: more threads than cores slow the docking down"
        return Finding(subject="threads", level="problem", detail=detail, remedy=remedy)
    return Finding(subject="threads", level="ok", detail=detail)


def check_device(device: str) -> Finding:
    """The device that would be used."""
    import torch

    from disco_dock.runtime.device import resolve_device

    try:
        chosen = resolve_device(device)
    except DiscoError as error:
        return Finding(subject="device", level="problem", detail=str(error), remedy="use --device cpu or auto")
    name = torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else "no accelerator in use"
    return Finding(subject="device", level="ok", detail=f"{chosen} ({name})")


def check_kernels() -> Finding:
    """Whether the compiled CPU kernels can be used; docking works without them, several times slower."""
    from disco_dock.kernels.compiled import KernelsUnavailableError, lanes, load

    begin = time.perf_counter()
    try:
        load()
    except KernelsUnavailableError as error:
        remedy = "install a C compiler (Debian: apt install gcc; conda: conda install gcc) for docking at full speed"
        return Finding(subject="kernels", level="note", detail=f"not used: {error}", remedy=remedy)
    detail = f"compiled, {lanes()} floats per register, ready in {time.perf_counter() - begin:.1f} s"
    return Finding(subject="kernels", level="ok", detail=detail)


def check_cache() -> Finding:
    """Whether the cache folder can be written."""
    from disco_dock.runtime.files import cache_dir

    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        detail = f"{folder} cannot be written ({error.strerror})"
        remedy = "set DISCO_DOCK_CACHE to a folder that can; until then tables are built again in every run"
        return Finding(subject="cache", level="problem", detail=detail, remedy=remedy)
    return Finding(subject="cache", level="ok", detail=str(folder))


def check_tables() -> Finding:
    """Whether the diffusion tables can be built or read."""
    from disco_dock.diffusion.so3 import igso3_table

    begin = time.perf_counter()
    try:
        igso3_table()
    except CHECK_ERRORS as error:
        remedy = "delete the cache folder and try again"
        return Finding(subject="tables", level="problem", detail=str(error), remedy=remedy)
    return Finding(subject="tables", level="ok", detail=f"ready in {time.perf_counter() - begin:.1f} s")


def check_checkpoint(checkpoint: Path | None, device: str) -> tuple[Finding, Engine | None]:
    """Whether the checkpoint loads, with its hash; and the engine made of it."""
    from disco_dock.docking.engine import load_engine

    try:
        engine = load_engine(checkpoint, device)
    except CHECK_ERRORS as error:
        remedy = "install the package again, or name a checkpoint folder with --checkpoint"
        return Finding(subject="checkpoint", level="problem", detail=str(error), remedy=remedy), None
    detail = f"{engine.models.directory} (sha256 {engine.models.sha256})"
    return Finding(subject="checkpoint", level="ok", detail=detail), engine


def self_test(engine: Engine) -> Finding:
    """Dock paracetamol into a small peptide with few poses and steps."""
    from disco_dock.docking.runs.self_test import dock_peptide

    begin = time.perf_counter()
    try:
        poses = dock_peptide(engine)
    except CHECK_ERRORS as error:
        remedy = "install the package again; if that does not help, report the line above"
        return Finding(subject="docking", level="problem", detail=" ".join(str(error).split()), remedy=remedy)
    detail = f"{poses} poses of a test ligand in {time.perf_counter() - begin:.1f} s"
    return Finding(subject="docking", level="ok", detail=detail)
