"""A folder packed into small files comes back whole, or is refused."""

from __future__ import annotations

import pytest

from disco_dock.runtime.errors import InputError
from scripts.train_slice import pack_folder, unpack_folder


def folder(root, text="one"):
    (root / "run" / "score").mkdir(parents=True, exist_ok=True)
    (root / "run" / "score" / "state.pt").write_bytes(text.encode() * 20_000)
    (root / "run" / "score.yaml").write_text(text)
    return root / "run"


def test_round_trip_in_pieces_of_limited_size(tmp_path):
    pieces = pack_folder(folder(tmp_path), tmp_path / "out", "run", piece_bytes=5_000)
    assert len(pieces) > 9 and max(piece.stat().st_size for piece in pieces) <= 5_000
    assert unpack_folder(tmp_path / "out", "run", tmp_path / "back")
    assert (tmp_path / "back" / "score" / "state.pt").read_bytes() == b"one" * 20_000
    assert (tmp_path / "back" / "score.yaml").read_text() == "one"
    assert not unpack_folder(tmp_path / "out", "other", tmp_path / "nothing")


def test_new_pieces_replace_the_old_ones(tmp_path):
    pack_folder(folder(tmp_path), tmp_path / "out", "run", piece_bytes=10_000)
    pieces = pack_folder(folder(tmp_path, "two!"), tmp_path / "out", "run", piece_bytes=40_000)
    assert set(pieces) == set((tmp_path / "out").iterdir())


def test_missing_or_foreign_pieces_are_refused(tmp_path):
    pieces = pack_folder(folder(tmp_path), tmp_path / "out", "run", piece_bytes=10_000)
    kept = pieces[3].read_bytes()
    pieces[3].unlink()
    with pytest.raises(InputError, match="not one complete set of"):
        unpack_folder(tmp_path / "out", "run", tmp_path / "back")
    pieces[3].write_bytes(kept[:-1] + b"?")
    with pytest.raises(InputError, match="not one complete set of"):
        unpack_folder(tmp_path / "out", "run", tmp_path / "back")
