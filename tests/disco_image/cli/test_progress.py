"""Progress: lines in a log, one bar at a time on a terminal."""

from __future__ import annotations

import io

from disco_image.cli import progress as module
from disco_image.cli.progress import Progress, duration


def test_log_gets_rate_and_time_left(monkeypatch, capsys):
    clock = iter([0.0, 10.0, 40.0, 41.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with Progress("samples", "images", 100) as shown:
        for _ in range(3):
            shown.advance(20, "loss 0.5")
    assert capsys.readouterr().err == "samples: 40 of 100 images, 1 per second, 0:01:00 left, loss 0.5\n"


def test_bars_of_a_terminal_follow_each_other(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(module.sys, "stderr", Terminal())
    with Progress("encoding", "images", 10) as first, Progress("prior", "steps", 5) as second:
        first.advance(8)  # never comes to its end
        second.skip(2)
        second.advance(1)
        assert Progress._shown is second
    assert Progress._shown is None


def test_other_processes_are_silent(capsys):
    with Progress("samples", "images", 1, silent=True) as shown:
        shown.advance(1)
    assert capsys.readouterr().err == "" and duration(3725) == "1:02:05"
