"""Who is docked with whom: buckets, shares and batches."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.docking.settings import PredictSettings
from disco_dock.screening.ledger.identity import ScreenSettings
from disco_dock.screening.messages import Work
from disco_dock.screening.plan import BATCH_LIGANDS, BUCKET_ATOMS
from disco_dock.screening.workers.batching import ONE_PER_BATCH, BatchPolicy, Queue, batch_policy
from tests.support.screening import amide


def work(number: int, atoms: int = 20, attempts: int = 0) -> Work:
    return Work(id=number, smiles=amide(number), name=f"m{number}", heavy_atoms=atoms, attempts=attempts)


def batches(queue: Queue, largest: int) -> list[tuple[Work, ...]]:
    return [batch.works for batch in iter(lambda: queue.take(largest), None)]


@pytest.mark.parametrize("width", [BUCKET_ATOMS, 1])
def test_batches_hold_ligands_of_like_size_the_largest_first(width):
    queue = Queue(ONE_PER_BATCH if width > 1 else BatchPolicy(ligands=2, num_poses=4))
    works = [work(number, atoms=5 + 7 * (number % 5)) for number in range(40)]
    queue.add(works)
    assert len(queue) == 40
    found = batches(queue, BATCH_LIGANDS)
    sizes = [{one.heavy_atoms // width for one in batch} for batch in found]
    assert all(len(some) == 1 for some in sizes)
    assert [max(some) for some in sizes] == sorted((max(some) for some in sizes), reverse=True)
    assert max(map(len, found)) == BATCH_LIGANDS
    assert sorted(one.id for batch in found for one in batch) == [one.id for one in works]
    assert len(queue) == 0


def test_ligands_with_different_shares_of_a_batch_come_together():
    batching = BatchPolicy(ligands=4, num_poses=2, places=True)
    works = [work(number) for number in range(200)]
    queue = Queue(batching)
    queue.add(works)
    found = batches(queue, 4)
    full = [batch for batch in found if len({batching.share(one) for one in batch}) == 4]
    fewest = min(sum(batching.share(one) == share for one in works) for share in range(4))
    assert len(full) == fewest > 30
    assert sorted(one.id for batch in found for one in batch) == list(range(200))


def test_a_ligand_that_cost_a_worker_is_docked_alone():
    queue = Queue()
    queue.add([work(1), work(2, attempts=1), work(3)])
    assert [[one.id for one in batch] for batch in batches(queue, 4)] == [[2], [1, 3]]


@given(st.integers(0, 200), st.integers(1, 100), st.sampled_from([1, 4, 16]))
def test_batches_shrink_towards_the_end(waiting, workers, ligands):
    queue = Queue(BatchPolicy(ligands=ligands))
    queue.add([work(number) for number in range(waiting)])
    size = queue.batch_size(workers)
    assert 1 <= size <= max(BATCH_LIGANDS, ligands)
    assert size == 1 or size * workers <= waiting


@pytest.mark.parametrize(
    ("device", "num_poses", "expected"),
    [("cpu", 1, 8), ("cpu", 2, 4), ("cpu", 3, 2), ("cpu", 4, 2), ("cpu", 5, 1), ("cpu", 40, 1)]
    + [("cuda", 8, 12), ("cuda", 64, 1), ("cuda", 300, 1)],
)
def test_how_many_ligands_share_a_network_batch(device, num_poses, expected):
    settings = ScreenSettings(predict=PredictSettings(num_poses=num_poses, batch_size=100))
    batching = batch_policy(settings, device)
    assert batching.ligands == expected
    assert batching.places == (device == "cpu" and expected > 1)


def test_who_decides_ligand_by_ligand_docks_them_alone():
    predict = PredictSettings(num_poses=2, batch_size=100)
    assert batch_policy(ScreenSettings(predict=predict, stop_when_converged=True), "cuda") == ONE_PER_BATCH
    assert batch_policy(ScreenSettings(predict=predict, time_budget=9.0), "cuda") == ONE_PER_BATCH
    assert batch_policy(ScreenSettings(predict=predict, time_budget=9.0), "cpu").ligands == 4  # one round anyway
    assert batch_policy(ScreenSettings(predict=replace(predict, modes=2)), "cpu") == ONE_PER_BATCH
