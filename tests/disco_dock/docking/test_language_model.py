"""Precomputed language-model features."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save_file

from disco_dock.docking.language_model import read_embeddings
from disco_dock.runtime.errors import ConfigError, InputError

RECEPTOR = SimpleNamespace(restype=np.zeros(3, dtype=np.int64))
FEATURES = np.arange(12, dtype=np.float32).reshape(3, 4)


def read(path, dim=4, protein="p.pdb.gz"):
    return read_embeddings(path, Path(protein), RECEPTOR, dim)  # pyright: ignore[reportArgumentType]


def test_formats(tmp_path):
    np.save(tmp_path / "a.npy", FEATURES)
    np.savez(tmp_path / "b.npz", other=FEATURES + 1, p=FEATURES)
    save_file({"x": FEATURES}, tmp_path / "c.safetensors")
    for name in ("a.npy", "b.npz", "c.safetensors"):
        np.testing.assert_array_equal(read(tmp_path / name), FEATURES)


def test_needed_missing_and_unneeded(tmp_path):
    assert read(None, dim=0) is None
    with pytest.raises(ConfigError, match="77"):  # no ESM-2 model of that width
        read(None, dim=77)
    with pytest.raises(ConfigError, match="leave out"):
        read(tmp_path / "a.npy", dim=0)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04broken"])
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors"])
def test_broken_files(tmp_path, content, suffix):
    path = tmp_path / f"e{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="e" + suffix):
        read(path)


def test_misfits(tmp_path):
    np.save(tmp_path / "short.npy", FEATURES[:2])
    np.save(tmp_path / "nan.npy", np.full((3, 4), np.nan))
    np.savez(tmp_path / "names.npz", q=FEATURES, r=FEATURES)
    for name, part in (("short.npy", "3, 4"), ("nan.npy", "not finite"), ("names.npz", "no array named p")):
        with pytest.raises(InputError, match=part):
            read(tmp_path / name)
    with pytest.raises(InputError, match="--embeddings"):
        read(tmp_path / "absent.npy")
