"""Which library of a wheel a processor gets, and what a wheel is made of."""

from __future__ import annotations

import ctypes
import platform
import shutil
import sys
from pathlib import Path

import pytest

from disco_dock.kernels import compiled, sources

KERNELS = Path(sources.__file__).parent
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="wheels carry kernels for Linux"
)
AVX2 = sorted(sources.LEVELS["x86_64"][1].flags)


@pytest.fixture
def folder(tmp_path):
    """A copy of the sources."""
    for name in (*sources.SOURCES, *sources.HEADERS):
        shutil.copy(KERNELS / name, tmp_path)
    (tmp_path / sources.PREBUILT).mkdir()
    return tmp_path


def put(folder, number):
    path = folder / sources.PREBUILT / sources.library_name(folder, sources.LEVELS["x86_64"][number])
    path.write_bytes(b"")
    return path


def test_no_source_is_forgotten():
    """A wheel is made of what is listed."""
    assert sorted(sources.SOURCES) == sorted(path.name for path in KERNELS.glob("*.c"))
    assert sorted(sources.HEADERS) == sorted(path.name for path in KERNELS.glob("*.h"))


def test_the_best_library_that_the_processor_runs(folder):
    assert sources.prebuilt_library(folder, AVX2) is None
    plain, avx2, avx512 = (put(folder, number) for number in (2, 1, 0))
    assert sources.prebuilt_library(folder, ["sse2"]) == plain
    assert sources.prebuilt_library(folder, AVX2) == avx2
    assert sources.prebuilt_library(folder, [*AVX2, "avx512f"]) == avx2
    assert sources.prebuilt_library(folder, sources.LEVELS["x86_64"][0].flags) == avx512


def test_a_library_of_other_sources_is_left_alone(folder):
    put(folder, 2)
    with (folder / "gemm.h").open("a") as file:
        file.write("\n")
    assert sources.prebuilt_library(folder, AVX2) is None


@pytest.mark.skipif(not compiled.available(), reason="no C compiler")
def test_it_is_loaded_and_one_that_is_damaged_is_not(folder):
    path = put(folder, 2)
    assert compiled._prebuilt(folder) is None
    shutil.copy(compiled.load()._name, path)
    library = compiled._prebuilt(folder)
    assert library is not None and library.disco_lanes() in (4, 8, 16)


@pytest.mark.skipif(not compiled.available(), reason="no C compiler")
def test_torchs_openmp_is_shared_where_a_library_lacks_it(folder, monkeypatch):
    """As on aarch64, where the library loads only once torch's OpenMP is there for all."""
    path = put(folder, 2)
    shutil.copy(compiled.load()._name, path)
    load, loaded = ctypes.CDLL, []

    def stingy(name, mode=ctypes.DEFAULT_MODE):
        loaded.append((name, mode))
        if name == str(path) and len(loaded) == 1:
            raise OSError("undefined symbol: omp_get_thread_num")
        return load(name, mode)

    monkeypatch.setattr(ctypes, "CDLL", stingy)
    assert compiled._prebuilt(folder) is not None
    assert loaded[-1][0] == str(path) and all(mode == ctypes.RTLD_GLOBAL for _, mode in loaded[1:-1])
    assert any("libgomp" in name for name, _ in loaded[1:-1])


def test_they_can_be_asked_for(monkeypatch):
    monkeypatch.setenv(compiled.SWITCH, "prebuilt")
    monkeypatch.setattr(compiled, "prebuilt_library", lambda folder, flags: None)
    compiled.load.cache_clear()
    with pytest.raises(compiled.KernelsUnavailableError, match="this installation has none"):
        compiled.load()
    compiled.load.cache_clear()
