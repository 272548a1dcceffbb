"""Files that a user names: limits of size, lines and expansion, and what is no regular file."""

from __future__ import annotations

import gzip
import os

import pytest

from disco_dock.runtime import user_files
from disco_dock.runtime.errors import MAX_MESSAGE, InputError, one_line
from disco_dock.runtime.user_files import check_lines, is_file_name, parse_json, read_bytes, read_lines, read_text

BLOCK = b"a line of text\n" * 70_000  # 1 MiB


def bomb(path, megabytes):
    with gzip.open(path, "wb", 9) as file:
        for _ in range(megabytes):
            file.write(BLOCK)
    return path


def test_plain_and_gzipped_content(tmp_path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfx\ny")
    (tmp_path / "b").write_bytes(gzip.compress(b"x\ny"))
    assert read_text(tmp_path / "a") == read_text(tmp_path / "b") == "x\ny"
    assert list(read_lines(tmp_path / "b")) == [b"x\n", b"y"]


def test_a_large_file_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="larger than 200 MiB"):
        read_bytes(tmp_path / "sparse")


def test_a_gzip_bomb_is_read_to_the_limit_only(tmp_path):
    path = bomb(tmp_path / "b.gz", 40)
    with pytest.raises(InputError, match="more than 8 MiB when decompressed"):
        read_bytes(path, limit=8 << 20)
    seen = 0
    with pytest.raises(InputError, match="200 times its size"):
        for line in read_lines(path):
            seen += len(line)
    assert seen <= max(user_files.FREE_EXPANSION, user_files.MAX_EXPANSION * path.stat().st_size)


@pytest.mark.parametrize("packed", [False, True])
def test_a_line_without_an_end_is_refused(tmp_path, packed):
    data = b"short\n" + b"x" * (user_files.MAX_LINE_BYTES + 1)
    path = tmp_path / "l"
    path.write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(InputError, match="line 2 is longer than 1 MiB"):
        list(read_lines(path))
    with pytest.raises(InputError, match="line 2 is longer"):
        check_lines(path, data)
    check_lines(path, (b"x" * user_files.MAX_LINE_BYTES + b"\n") * 2)


def test_pipes_devices_and_folders_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, what in ((tmp_path / "pipe", "a pipe or device"), (tmp_path, "a folder")):
        for read in (read_bytes, lambda path: list(read_lines(path))):
            with pytest.raises(InputError, match=what):
                read(path)
    if os.path.exists("/dev/zero"):
        with pytest.raises(InputError, match="a pipe or device"):
            read_bytes(user_files.Path("/dev/zero"))


def test_json_that_is_none():
    assert parse_json('{"x": [1, 2.5, null]}') == {"x": [1, 2.5, None]}
    for text in ("[" * 100_000, '{"x": NaN}', "-Infinity", "9" * 5000, "", "\0"):
        with pytest.raises(ValueError, match="."):
            parse_json(text)


def test_messages_are_one_printable_line():
    error = InputError("a\nb\t c\x1b[2J\udc80\u202e" + "x" * 5000 + " end")
    assert str(error).startswith("a b c?[2J??xx") and str(error).endswith("x end") and len(str(error)) <= MAX_MESSAGE
    assert one_line("Ångström 5 Å") == "Ångström 5 Å"


def test_names_that_lead_elsewhere():
    assert all(is_file_name(name) for name in ("1abc", "a b", ".x", "Å", "x" * 200))
    for name in ("", ".", "..", "../x", "/x", "a/b", "a\\b", "a\0", "x" * 201, "Å" * 101):
        assert not is_file_name(name)
