"""Where the compiled kernels come from, and what happens without a compiler."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from disco_dock.kernels import compiled
from disco_dock.kernels.compiled import KernelsUnavailableError

ROOT = Path(__file__).parents[3]


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """An empty cache, and nothing loaded yet."""
    monkeypatch.setenv("DISCO_DOCK_CACHE", str(tmp_path))
    monkeypatch.delenv(compiled.SWITCH, raising=False)
    compiled.load.cache_clear()
    yield tmp_path
    compiled.load.cache_clear()


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.skipif(not compiled.available(), reason="no C compiler")
def test_built_once(fresh):
    compiled.load()
    (built,) = (fresh / "kernels").iterdir()
    stamp = built.stat().st_mtime_ns
    compiled.load.cache_clear()
    compiled.load()
    assert built.stat().st_mtime_ns == stamp


def test_switched_off(fresh, monkeypatch):
    monkeypatch.setenv(compiled.SWITCH, "off")
    with pytest.raises(KernelsUnavailableError, match=compiled.SWITCH):
        compiled.load()
    assert not list(fresh.iterdir())


def test_no_compiler(fresh, monkeypatch):
    monkeypatch.setenv("PATH", str(fresh))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(KernelsUnavailableError, match="no C compiler"):
        compiled.load()


def test_a_compiler_that_fails(fresh, monkeypatch):
    monkeypatch.setenv("CC", script(fresh / "broken", "echo 'fatal: out of ideas' >&2; exit 1"))
    with pytest.raises(KernelsUnavailableError, match="out of ideas"):
        compiled.load()
    assert not list((fresh / "kernels").iterdir())


@pytest.mark.skipif(not compiled.available(), reason="no C compiler")
def test_a_compiler_without_openmp_or_native_code(fresh, monkeypatch):
    body = 'for a in "$@"; do case "$a" in -fopenmp|-march=native) exit 1;; esac; done; exec cc "$@"'
    monkeypatch.setenv("CC", script(fresh / "plain", body))
    assert compiled.load().disco_lanes() in (4, 8, 16)


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64" or not compiled.available(), reason="needs a C compiler on x86-64")
@pytest.mark.parametrize("flags", ["-mno-avx512f", "-mno-avx512f -mno-avx2 -mno-avx"])
def test_every_register_width(tmp_path, flags):
    """The convolution's own tests pass with 8 and with 4 floats per register."""
    compiler = script(tmp_path / "narrow", f'exec cc "$@" {flags}')
    environment = {**os.environ, "CC": compiler, "DISCO_DOCK_CACHE": str(tmp_path)}
    tests = "tests/disco_dock/kernels/test_convolution.py"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout


def test_a_damaged_library_is_one_sentence(fresh):
    if not compiled.available():
        pytest.skip("no C compiler")
    compiled.load()
    (built,) = (fresh / "kernels").iterdir()
    damaged = built.with_name("damaged.so")
    damaged.write_bytes(b"not a library")
    damaged.replace(built)  # a new file: this process has the old one mapped
    code = "from disco_dock.kernels.compiled import available; print(available())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "False")
    assert "cannot be loaded" in done.stderr and len(done.stderr.splitlines()) == 1


def test_docking_runs_without_kernels(tmp_path):
    code = (
        "from disco_dock.docking.engine import load_engine\n"
        "from disco_dock.docking.runs.self_test import dock_peptide\n"
        "from disco_dock.kernels.compiled import available\n"
        "assert not available()\n"
        "print(dock_peptide(load_engine(None, 'cpu')))\n"
    )
    environment = {**os.environ, compiled.SWITCH: "off"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0
