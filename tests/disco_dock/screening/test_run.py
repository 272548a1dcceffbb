"""The loop: what becomes of the work of lost workers, stops, counts, and a library with 1,000 broken lines."""

from __future__ import annotations

import io
import json
import random
from dataclasses import replace

import pytest

from disco_dock.screening.progress import JsonLines, Snapshot
from disco_dock.screening.run import DEATHS
from disco_dock.screening.screen import run_screen
from disco_dock.screening.workers.base import Lost
from disco_dock.screening.workers.inline import InlinePool
from tests.support.screening import (
    StubPlan,
    amide,
    poses,
    query,
    request,
    screen,
    statuses,
    stub_docked,
    write_library,
)


class ScriptedEngine:
    """Gives whole batches back as lost whenever `blame` says so, and docks the others."""

    def __init__(self, blame, reason="crashed"):
        self.workers, self.blame, self.reason, self.batches, self.lost = 2, blame, reason, [], 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def has_room(self):
        return len(self.batches) < 2

    def submit(self, batch):
        self.batches.append(batch)

    def wait(self, seconds):
        if not self.batches:
            return []
        works = self.batches.pop(0).works
        if suspects := self.blame(works):
            self.lost += 1
            others = tuple(work for work in works if work not in suspects)
            return [Lost(suspects=suspects, others=others, reason=self.reason, detail="told so")]
        return [stub_docked(work) for work in works]


def rows_of(store, where):
    return query(store, f"SELECT name, status, error_code, attempts FROM ligand WHERE {where} ORDER BY id")


def test_a_ligand_that_kills_workers_has_failed_and_the_others_are_docked(tmp_path):
    library = write_library(tmp_path / "lib.smi", 20)
    engine = ScriptedEngine(lambda works: tuple(work for work in works if work.name == "mol7"))
    run_screen(request(tmp_path / "s.sqlite", library), lambda: engine)
    assert engine.lost == DEATHS
    assert statuses(tmp_path / "s.sqlite") == {"docked": 19, "failed": 1}
    assert rows_of(tmp_path / "s.sqlite", "name = 'mol7'") == [("mol7", "failed", "crashed", DEATHS)]


def test_where_all_of_a_batch_are_suspects_each_is_tried_alone_before_it_is_blamed(tmp_path):
    library = write_library(tmp_path / "lib.smi", 40)
    engine = ScriptedEngine(lambda works: works if any(work.name == "mol7" for work in works) else ())
    run_screen(request(tmp_path / "s.sqlite", library), lambda: engine)
    assert statuses(tmp_path / "s.sqlite") == {"docked": 39, "failed": 1}
    assert rows_of(tmp_path / "s.sqlite", "attempts > 0")[0][0] == "mol7"


def test_the_deaths_of_a_ligand_are_remembered_by_the_ledger(tmp_path):
    """A ligand that takes the main process with it would else stall one run after the other."""
    library = tmp_path / "lib.smi"
    library.write_text("CCO killer\n")

    class Dies(ScriptedEngine):
        def wait(self, seconds):
            if self.lost:
                raise KeyboardInterrupt
            return super().wait(seconds)

    engine = Dies(lambda works: works)
    with pytest.raises(KeyboardInterrupt):
        run_screen(request(tmp_path / "s.sqlite", library), lambda: engine)
    assert rows_of(tmp_path / "s.sqlite", "1") == [("killer", "pending", None, 1)]
    run_screen(request(tmp_path / "s.sqlite", library), lambda: ScriptedEngine(lambda works: works))
    assert rows_of(tmp_path / "s.sqlite", "1") == [("killer", "failed", "crashed", DEATHS)]


def test_a_ligand_that_takes_too_long_is_not_tried_again(tmp_path):
    library = write_library(tmp_path / "lib.smi", 10)
    engine = ScriptedEngine(lambda works: tuple(work for work in works if work.name == "mol3"), reason="timeout")
    run_screen(request(tmp_path / "s.sqlite", library), lambda: engine)
    assert engine.lost == 1
    assert rows_of(tmp_path / "s.sqlite", "status = 'failed'") == [("mol3", "failed", "timeout", 0)]


def test_a_death_between_ligands_costs_nothing(tmp_path):
    library = write_library(tmp_path / "lib.smi", 10)
    state = iter([True, True, True])

    class Idle(ScriptedEngine):
        def wait(self, seconds):
            if self.batches and next(state, False):
                works = self.batches.pop(0).works
                return [Lost(suspects=(), others=works, reason="crashed", detail="told so")]
            return super().wait(seconds)

    end = run_screen(request(tmp_path / "s.sqlite", library), lambda: Idle(lambda works: ()))
    assert statuses(tmp_path / "s.sqlite") == {"docked": 10}
    assert end.snapshot.workers_lost == 3


def test_a_run_that_is_stopped_goes_on_later(tmp_path):
    library = write_library(tmp_path / "lib.smi", 300)
    store, log = tmp_path / "s.sqlite", tmp_path / "log"
    plan = StubPlan(log=log, seconds=0.002)
    stopped = replace(request(store, library), stop_after=0.3)
    end = run_screen(stopped, lambda: InlinePool(plan))
    assert end.snapshot.pending > 0
    screen(store, library, plan=plan)
    assert statuses(store) == {"docked": 300}
    done = log.read_text().split()
    assert len(done) == len(set(done)) == 300


def test_more_ligands_than_the_window_holds(tmp_path, monkeypatch):
    monkeypatch.setattr("disco_dock.screening.run.WINDOW", 20)
    count = 217
    store, log = tmp_path / "s.sqlite", tmp_path / "log"
    screen(store, write_library(tmp_path / "lib.smi", count), plan=StubPlan(log=log))
    assert statuses(store) == {"docked": count}
    assert len(log.read_text().split()) == count


@pytest.mark.slow
def test_1000_broken_lines_and_1000_copies_among_10000(tmp_path):
    broken = ["C(C", "c1ccccc", "XYZ", "[Na+].[Cl-]", "C" * 300, "[Fe]", "C=C=C=C(=O)(=O)=O", "))((", "\x00\x01", "é"]
    lines = [f"{amide(number)} mol{number}" for number in range(8000)]
    lines += [f"{broken[number % len(broken)]} bad{number}" for number in range(1000)]
    lines += [f"{amide(number)} copy{number}" for number in range(1000)]
    random.Random(0).shuffle(lines)
    library = tmp_path / "lib.smi"
    library.write_text("\n".join(lines) + "\n", encoding="utf-8")
    end = screen(tmp_path / "s.sqlite", library)
    assert statuses(tmp_path / "s.sqlite") == {"docked": 8000, "duplicate": 1000, "failed": 1000}
    assert (end.snapshot.rows, end.snapshot.failures) == (10_000, {"input": 1000})
    assert len(poses(tmp_path / "s.sqlite")) == 8000
    assert query(tmp_path / "s.sqlite", "SELECT count(*) FROM ligand WHERE status = 'failed' AND message = ''") == [
        (0,)
    ]


def test_progress_is_json_with_counts_that_add_up(tmp_path):
    library = write_library(tmp_path / "lib.smi", 30)
    with library.open("a") as file:
        file.write("C(C bad\nCCN nan\n")
    stream = io.StringIO()
    lines = JsonLines(stream)
    run_screen(request(tmp_path / "s.sqlite", library), lambda: InlinePool(StubPlan()), lines)
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in found] == ["progress", "end"]
    last = found[-1]
    assert set(last) == set(Snapshot.__dataclass_fields__)
    assert last["rows"] == last["docked"] + last["failed"] + last["duplicates"] + last["pending"] == 32
    assert last["failures"] == {"input": 1, "numerics": 1}
    assert last["per_hour"] > 0
    assert last["seconds_left"] == 0
