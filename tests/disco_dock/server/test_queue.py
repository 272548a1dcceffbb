"""The queue with docking processes that are slow, deadly or broken."""

from __future__ import annotations

import time

import pytest

from disco_dock.runtime.errors import ConfigError
from disco_dock.server.jobs import JobQueue, UnknownJobError
from disco_dock.server.options import JobOptions
from disco_dock.server.store import RECORD
from tests.disco_dock.server.serving import (
    ASPIRIN,
    PATIENCE,
    broken_engine,
    deadly_engine,
    quick_engine,
    settings,
    slow_engine,
)


@pytest.fixture
def opened(tmp_path):
    """A maker of started queues on one store; the last one is closed at the end."""
    made: list[JobQueue] = []

    def make(load, *, start=True, **changes) -> JobQueue:
        made.append(JobQueue(settings(tmp_path, **changes), load))
        if start:
            made[-1].start()
        return made[-1]

    yield make
    made[-1].close()


def add(queue, peptide, *, seed=0):
    options = JobOptions(num_poses=2, steps=2, seed=seed, report=False)
    files = {"protein.pdb": peptide, "ligand.smi": ASPIRIN.encode()}
    return queue.submit(files, options, title="t", protein="p", ligand="l").id


def wait(condition) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_cancel_and_stop_then_go_on(opened, peptide_bytes):
    queue = opened(slow_engine)
    first, second, third = (add(queue, peptide_bytes) for _ in range(3))
    wait(lambda: queue.view(first).stage == "sampling poses")
    assert [job.id for job in queue.waiting()] == [second, third]
    queue.cancel(first)
    wait(lambda: queue.get(first).state == "cancelled" and queue.view(second).stage == "sampling poses")
    queue.remove(second)  # while it runs
    with pytest.raises(UnknownJobError):
        queue.get(second)
    wait(lambda: queue.view(third).stage == "sampling poses" and not queue.store.path(second).exists())
    queue.close()
    assert queue.get(third).state == "queued" and queue.get(third).attempts == 0
    again = opened(quick_engine)
    wait(lambda: again.get(third).state == "done")
    assert again.get(first).state == "cancelled" and again.view(third).complexes[0].num_poses == 2


def test_two_workers_dock_at_the_same_time(opened, peptide_bytes):
    queue = opened(slow_engine, workers=2)
    jobs = [add(queue, peptide_bytes) for _ in range(3)]
    wait(lambda: [queue.view(job).stage for job in jobs[:2]] == ["sampling poses"] * 2)
    assert queue.view(jobs[2]).position == 1


def test_death_of_a_process_costs_one_job(opened, peptide_bytes):
    queue = opened(deadly_engine)
    deadly, good = add(queue, peptide_bytes, seed=13), add(queue, peptide_bytes)
    wait(lambda: queue.get(good).state == "done")
    assert queue.get(deadly).state == "failed" and "process died" in (queue.get(deadly).error or "")


def test_no_networks(opened, peptide_bytes):
    queue = opened(broken_engine)
    job = add(queue, peptide_bytes)
    wait(lambda: queue.get(job).state == "failed")
    assert queue.get(job).error == queue.trouble == "checkpoint: is damaged; download it again" and not queue.ready


def test_a_job_that_ends_the_server_is_given_up(opened, peptide_bytes):
    queue = opened(quick_engine, start=False)
    jobs = [add(queue, peptide_bytes) for _ in range(2)]
    for job_id, attempts in zip(jobs, (3, 2), strict=True):
        queue.store.save(queue.get(job_id).model_copy(update={"state": "running", "attempts": attempts}))
    queue.close()
    again = opened(slow_engine)
    assert again.get(jobs[0]).state == "failed" and "3 times" in (again.get(jobs[0]).error or "")
    assert again.get(jobs[1]).state in ("queued", "running")


def test_old_jobs_go(opened, peptide_bytes):
    queue = opened(quick_engine, start=False, keep_jobs=2)
    jobs = [add(queue, peptide_bytes) for _ in range(5)]
    for job_id in jobs[:4]:
        queue.cancel(job_id)
        time.sleep(0.002)
    add(queue, peptide_bytes)
    assert [job.id for job in queue.views() if job.state == "cancelled"] == [jobs[3], jobs[2]]
    old = queue.get(jobs[3]).model_copy(update={"finished": time.time() - 31 * 86400})
    queue.store.save(old)
    queue.close()
    again = opened(slow_engine, keep_jobs=2)
    assert jobs[3] not in {job.id for job in again.views()} and not again.store.path(jobs[3]).exists()


def test_damaged_records_and_halves_are_left_out(opened, peptide_bytes, caplog):
    queue = opened(quick_engine, start=False)
    good, bad = add(queue, peptide_bytes), add(queue, peptide_bytes)
    (queue.store.path(bad) / RECORD).write_text('{"id": 1')
    (queue.store.folder / f".new-{'0' * 32}").mkdir()
    queue.close()
    again = opened(slow_engine)
    assert [job.id for job in again.views()] == [good]
    assert "cannot be read" in caplog.text and again.store.path(bad).exists()
    assert not list(again.store.folder.glob(".new-*"))


def test_one_server_per_store(opened, tmp_path):
    opened(quick_engine, start=False)
    with pytest.raises(ConfigError, match="another disco-dock serve"):
        JobQueue(settings(tmp_path), quick_engine)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot hold jobs"):
        JobQueue(settings(tmp_path / "file"), quick_engine)


def test_ids_alone_become_paths(opened):
    store = opened(quick_engine, start=False).store
    for wrong in ("..", "x" * 32, "0" * 31, "0" * 33, f"{'0' * 31}/", ""):
        with pytest.raises(ValueError, match="not a job id"):
            store.path(wrong)
