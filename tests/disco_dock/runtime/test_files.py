"""Files appear whole or not at all."""

from __future__ import annotations

import hashlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.runtime import files
from disco_dock.runtime.files import atomic_write, sha256_file


class Interrupted(BaseException):
    """As KeyboardInterrupt: no subclass of Exception."""


@pytest.mark.parametrize("error", [OSError, ValueError, Interrupted])
def test_failure_in_the_block_leaves_an_empty_folder(tmp_path, error):
    with pytest.raises(error), atomic_write(tmp_path / "new.bin") as handle:
        handle.write(b"half")
        raise error
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_failure_at_the_end_keeps_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, step, full)
    with pytest.raises(OSError, match="No space"), atomic_write(path) as handle:
        handle.write(b"new")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["file.bin"]


def test_content_is_on_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    path, events = tmp_path / "file.bin", []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(files.os, "fsync", lambda number: (events.append("fsync"), fsync(number)))
    monkeypatch.setattr(files.os, "replace", lambda *names: (events.append("replace"), replace(*names)))
    with atomic_write(path) as handle:
        handle.write(b"x" * 10)
        assert not path.exists()
    assert events == ["fsync", "replace"] and path.read_bytes() == b"x" * 10


def test_text_is_utf8_whatever_the_locale(tmp_path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")
    with atomic_write(tmp_path / "text", "w") as handle:
        handle.write("Å ü")
    assert (tmp_path / "text").read_bytes() == "Å ü".encode()


@given(st.integers(0, 40), st.integers(1, 9))
def test_digest_does_not_depend_on_the_chunk(tmp_path_factory, size, chunk):
    path = tmp_path_factory.getbasetemp() / "digest.bin"
    data = bytes(range(size))
    path.write_bytes(data)
    before, files.CHUNK = files.CHUNK, chunk
    try:
        assert sha256_file(path) == hashlib.sha256(data).hexdigest()
    finally:
        files.CHUNK = before
