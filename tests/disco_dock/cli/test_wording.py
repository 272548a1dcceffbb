"""Lines of 80 columns, and times in words."""

from __future__ import annotations

import math

import pytest

from disco_dock.cli.wording import WIDTH, count, duration, say, tail, wrapped


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (75, "1 min 15 s"),
        (7500, "2 h 05 min"),
        (45 * 86400, "45.0 days"),
        (16466 * 3600 + 36 * 60, "686.1 days"),
        (1e12, "31,688 years"),
        (math.inf, "unknown time"),
        (math.nan, "unknown time"),
    ],
)
def test_times(seconds, text):
    assert duration(seconds) == text


def test_lines_are_broken_between_words_and_long_words_kept():
    lines = wrapped("word " * 40 + "x" * 100, first="ok  ", rest="    ").splitlines()
    assert all(len(line) <= WIDTH for line in lines[:-1])
    assert lines[0].startswith("ok  word") and lines[1].startswith("    word") and lines[-1] == "    " + "x" * 100


def test_lines_of_a_log_stay_whole(capsys, monkeypatch):
    say("word " * 40)
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    say("word " * 40)
    assert capsys.readouterr().err.count("\n") > 1


def test_counts_and_tails():
    assert (count(1, "pose"), count(1200, "pose")) == ("1 pose", "1,200 poses")
    assert tail("a/b", 3) == "a/b" and tail("/a/long/path.sdf", 11) == "...path.sdf"
