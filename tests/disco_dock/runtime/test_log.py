"""Metric lines and the level of messages."""

from __future__ import annotations

import json
import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.runtime.log import MetricsLog, setup_logging


@given(st.integers(0, 6), st.integers(0, 400))
def test_crash_in_any_byte_loses_at_most_the_last_line(tmp_path_factory, resume, cut):
    path = tmp_path_factory.getbasetemp() / "metrics.jsonl"
    path.unlink(missing_ok=True)
    log = MetricsLog(path)
    for step in range(1, 6):
        log.write(step, {"loss": step / 4, "name": "Å"})
    content = path.read_bytes()
    path.write_bytes(content[:cut])
    complete = content[:cut].count(b"\n") + (cut < len(content) and content[cut : cut + 1] == b"\n")
    again = MetricsLog(path, resume_step=resume)
    again.write(99, {})
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [row["step"] for row in rows] == [*range(1, min(resume, complete, 5) + 1), 99]


def test_lines_have_their_time(tmp_path):
    before = time.time()
    MetricsLog(tmp_path / "deep" / "m.jsonl").write(1, {"loss": 0.5})
    row = json.loads((tmp_path / "deep" / "m.jsonl").read_text())
    assert before - 1 <= row.pop("time") <= time.time() + 1 and row == {"step": 1, "loss": 0.5}


def test_new_run_starts_an_empty_log(tmp_path):
    path = tmp_path / "m.jsonl"
    MetricsLog(path).write(1, {})
    MetricsLog(path)
    assert path.read_text() == ""


@pytest.mark.parametrize(
    ("verbosity", "level"), [(0, logging.WARNING), (1, logging.INFO), (2, logging.DEBUG), (5, logging.DEBUG)]
)
def test_verbosity(verbosity, level):
    root = logging.getLogger()
    before, handlers = root.level, root.handlers[:]
    try:
        setup_logging(verbosity)
        assert root.level == level and len(root.handlers) == 1
    finally:
        root.handlers[:] = handlers
        root.setLevel(before)
