"""Worker processes: the same results as one, deaths, time limits, refusals."""

from __future__ import annotations

import os
import signal
import threading
import time

import psutil
import pytest

from disco_dock.runtime.errors import DiscoError
from disco_dock.screening.screen import run_screen
from disco_dock.screening.workers.processes import ProcessPool
from tests.support.screening import StubPlan, content, query, request, screen, statuses, write_library


def run(store, library, plan, *, workers=2, seconds=30.0):
    return run_screen(request(store, library), lambda: ProcessPool(plan, workers, ligand_seconds=seconds))


def test_processes_give_what_one_process_gives(tmp_path):
    library, log = write_library(tmp_path / "lib.smi", 60), tmp_path / "log"
    screen(tmp_path / "one.sqlite", library)
    run(tmp_path / "two.sqlite", library, StubPlan(log=log))
    assert content(tmp_path / "two.sqlite") == content(tmp_path / "one.sqlite")
    assert len(log.read_text().split()) == 60


def test_a_killed_worker_costs_the_ligand_that_it_was_at(tmp_path):
    library, log = write_library(tmp_path / "lib.smi", 60), tmp_path / "log"
    engine = ProcessPool(StubPlan(log=log, seconds=0.05), 2, ligand_seconds=30)

    def kill():
        while not log.exists() or len(log.read_text().split()) < 10:
            time.sleep(0.02)
        os.kill(engine.process_ids()[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    end = run_screen(request(tmp_path / "s.sqlite", library), lambda: engine)
    killer.join()
    assert end.snapshot.workers_lost == 1
    assert statuses(tmp_path / "s.sqlite") == {"docked": 60}
    assert len(log.read_text().split()) <= 61  # at most the one whose answer was on its way
    screen(tmp_path / "one.sqlite", library)
    assert content(tmp_path / "s.sqlite") == content(tmp_path / "one.sqlite")


def test_a_poison_ligand_kills_two_workers_and_is_set_aside(tmp_path):
    library = write_library(tmp_path / "lib.smi", 10)
    with library.open("a") as file:
        file.write("CCCCCCN poison\n")
    end = run(tmp_path / "s.sqlite", library, StubPlan())
    assert end.snapshot.workers_lost == 2
    assert statuses(tmp_path / "s.sqlite") == {"docked": 10, "failed": 1}
    (row,) = query(tmp_path / "s.sqlite", "SELECT error_code, message, hint FROM ligand WHERE name = 'poison'")
    assert row[0] == "crashed"
    assert "2 workers died over it; the worker ended with signal 9" in row[1]
    assert row[2]


def test_a_poison_ligand_in_a_shared_batch_is_found_and_its_company_is_docked(tmp_path):
    library = write_library(tmp_path / "lib.smi", 40)
    with library.open("a") as file:
        file.write("O=C(CCO)NCCN poison\n")
    end = run(tmp_path / "s.sqlite", library, StubPlan(together=4))
    assert statuses(tmp_path / "s.sqlite") == {"docked": 40, "failed": 1}
    assert end.snapshot.workers_lost in (2, 3)  # once more if it died in company first
    codes = query(tmp_path / "s.sqlite", "SELECT name, error_code FROM ligand WHERE status = 'failed'")
    assert codes == [("poison", "crashed")]


def test_ligands_of_a_shared_batch_may_each_take_their_time(tmp_path):
    library = write_library(tmp_path / "lib.smi", 12)  # the first batch has 4
    run(tmp_path / "s.sqlite", library, StubPlan(together=4, seconds=0.8), workers=1, seconds=2.5)
    assert statuses(tmp_path / "s.sqlite") == {"docked": 12}


def test_a_ligand_has_a_hard_time_limit(tmp_path):
    library = write_library(tmp_path / "lib.smi", 6)
    with library.open("a") as file:
        file.write("CCCCCCN hang\n")
    run(tmp_path / "s.sqlite", library, StubPlan(), seconds=1.0)
    assert statuses(tmp_path / "s.sqlite") == {"docked": 6, "failed": 1}
    assert query(tmp_path / "s.sqlite", "SELECT error_code, message FROM ligand WHERE name = 'hang'") == [
        ("timeout", "took more than 1 s")
    ]


def test_a_worker_that_cannot_work_stops_the_run_with_its_reason(tmp_path):
    library, before = write_library(tmp_path / "lib.smi", 3), set(psutil.Process().children())
    with pytest.raises(DiscoError, match="no such device; use another"):
        run(tmp_path / "s.sqlite", library, StubPlan(refusal="no such device; use another"))
    assert statuses(tmp_path / "s.sqlite") == {"pending": 3}
    new = set(psutil.Process().children()) - before
    assert not [child for child in new if "spawn_main" in " ".join(child.cmdline())]


class DiesAtOnce:
    def __call__(self):
        os._exit(3)


def test_workers_that_never_start_stop_the_run(tmp_path):
    library = write_library(tmp_path / "lib.smi", 3)
    with pytest.raises(DiscoError, match=r"died 3 times before .* \(exit status 3\)"):
        run(tmp_path / "s.sqlite", library, DiesAtOnce(), workers=1)
