"""Ray actors: the same store as processes give, killed actors, poison, a killed driver."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time

import pytest

from disco_dock.runtime.errors import DiscoError
from disco_dock.screening.screen import run_screen
from tests.disco_dock.screening.test_faults import check_recovery, docked, start, wait_for
from tests.support.screening import StubPlan, content, query, request, screen, statuses, write_library

pytest.importorskip("ray")
pytestmark = pytest.mark.slow
logger = logging.getLogger(__name__)


@pytest.fixture(autouse=True)
def _priority(monkeypatch):
    """Ray lowers the priority of its workers, which takes minutes on a busy machine."""
    monkeypatch.setenv("RAY_worker_niceness", "0")


def engine(plan, workers=2, seconds=60.0):
    from disco_dock.screening.workers.ray import RayPool

    return RayPool(plan, workers, address=None, device="cpu", ligand_seconds=seconds)


def test_actors_give_what_one_process_gives_even_when_one_is_killed(tmp_path):
    library, log = write_library(tmp_path / "lib.smi", 60), tmp_path / "log"
    actors = engine(StubPlan(log=log, seconds=0.05))
    times = []

    def kill():
        wait_for(lambda: log.exists() and len(log.read_text().split()) >= 10)
        times.append(len(actors.process_ids()))
        os.kill(actors.process_ids()[0], signal.SIGKILL)
        begin, seen = time.perf_counter(), set(actors.process_ids())
        wait_for(lambda: set(actors.process_ids()) - seen or docked(tmp_path / "s.sqlite") == 60)
        logger.info("a Ray actor was replaced in %.1f s", time.perf_counter() - begin)

    killer = threading.Thread(target=kill)
    killer.start()
    end = run_screen(request(tmp_path / "s.sqlite", library), lambda: actors)
    killer.join()
    assert end.snapshot.workers_lost == 1
    assert statuses(tmp_path / "s.sqlite") == {"docked": 60}
    assert len(log.read_text().split()) <= 60 + 2 * 4  # the batches that the actor was at
    screen(tmp_path / "one.sqlite", library)
    assert content(tmp_path / "s.sqlite") == content(tmp_path / "one.sqlite")


def test_poison_and_a_hanging_ligand_are_set_aside(tmp_path):
    library = write_library(tmp_path / "lib.smi", 8)
    with library.open("a") as file:
        file.write("CCCCCCN poison\nCCCCCCCN hang\n")
    run_screen(request(tmp_path / "s.sqlite", library), lambda: engine(StubPlan(), seconds=2.0))
    assert statuses(tmp_path / "s.sqlite") == {"docked": 8, "failed": 2}
    codes = dict(query(tmp_path / "s.sqlite", "SELECT name, error_code FROM ligand WHERE status = 'failed'"))
    assert codes == {"poison": "crashed", "hang": "timeout"}


def test_an_actor_that_cannot_work_stops_the_run_with_its_reason(tmp_path):
    library = write_library(tmp_path / "lib.smi", 3)
    with pytest.raises(DiscoError, match="no such device; use another"):
        plan = StubPlan(refusal="no such device; use another")
        run_screen(request(tmp_path / "s.sqlite", library), lambda: engine(plan))


def test_kill_9_of_the_driver(tmp_path):
    store, log = tmp_path / "s.sqlite", tmp_path / "log"
    library = write_library(tmp_path / "lib.smi", 120)
    process = start(store, library, log, engine="ray")
    wait_for(lambda: docked(store) >= 10)
    process.kill()
    process.wait()
    time.sleep(3.0)  # Ray ends the actors of a driver that is gone
    check_recovery(store, library, log, "kill -9 of the Ray driver")
