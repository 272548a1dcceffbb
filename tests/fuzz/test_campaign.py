"""A short run of the fuzzer with a fixed seed, kept cases that once failed, and that failures are noticed at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fuzz import campaign, worker
from tests.fuzz.broken import READERS
from tests.fuzz.campaign import GOOD, as_line, plan
from tests.fuzz.cases import KINDS

KEPT = Path(__file__).parent / "kept.jsonl"
SHORT = 350
SLOW = ("evaluate",)  # starts a process of its own in every case


def findings(results):
    return [as_line(result) for result in results if result.outcome not in GOOD]


def kept_cases() -> list[tuple[str, int, int]]:
    """(kind, seed, index) of the cases that once failed; a change of an edit changes what they hold."""
    return [tuple(json.loads(line)) for line in KEPT.read_text(encoding="utf-8").splitlines()]


def test_short_run_and_kept_cases(tmp_path):
    cases = [(kind, 0, index) for kind, index in plan(SHORT, [kind for kind in KINDS if kind not in SLOW])]
    assert {kind for kind, *_ in cases} == set(KINDS) - set(SLOW)
    results = list(campaign.campaign([*kept_cases(), *cases], tmp_path))
    assert not findings(results)
    outcomes = {result.outcome for result in results}
    assert outcomes == set(GOOD)


def test_as_many_cases_as_were_asked_for():
    for count in (1500, 9999, 10_000, 12_345):
        assert len(plan(count)) == len(set(plan(count))) == count


@pytest.mark.slow
def test_longer_run(tmp_path):
    results = campaign.campaign([(kind, 1, index) for kind, index in plan(1500)], tmp_path)
    assert not findings(results)


def test_every_failure_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(campaign, "CPU_SECONDS", 3.0)
    cases = [(f"broken-{name}", 0, 0) for name in READERS]
    results = list(campaign.campaign(cases, tmp_path))
    assert [result.outcome for result in results] == list(READERS)


def test_a_case_depends_on_its_name_alone(tmp_path):
    from tests.fuzz.cases import case_random

    contents = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        contents.append(KINDS["sdf"].write(case_random("sdf", 0, 7), folder).read_bytes())
    assert contents[0] == contents[1]


def test_forbidden_names_are_watched_but_may_be_taken_before(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "FORBIDDEN", (str(tmp_path / "theirs"), str(tmp_path / "ours")))
    (tmp_path / "theirs").write_text("here before")
    before = worker.forbidden_files()
    assert len(before) == 1 and worker.forbidden_files() == before
    (tmp_path / "ours").write_text("x")
    assert {name for name, *_ in worker.forbidden_files() ^ before} == {str(tmp_path / "ours")}
    (tmp_path / "ours").unlink()
    (tmp_path / "theirs").write_text("written over")
    assert worker.forbidden_files() != before
