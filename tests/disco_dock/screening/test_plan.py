"""Shards, buckets and batches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.runtime.errors import ConfigError
from disco_dock.screening.plan import BATCH_LIGANDS, BUCKET_ATOMS, Queue, Shard, batch_size
from disco_dock.screening.rows import Work


def work(number: int, atoms: int = 20, attempts: int = 0) -> Work:
    return Work(id=number, smiles="C", name=f"m{number}", heavy_atoms=atoms, attempts=attempts)


@given(st.integers(0, 500), st.integers(1, 20))
def test_shards_share_the_records_out(records, count):
    shards = [Shard(index=index, count=count) for index in range(1, count + 1)]
    taken = [[at for at in range(records) if shard.takes(at)] for shard in shards]
    assert sorted(sum(taken, [])) == list(range(records))
    assert [len(some) for some in taken] == [shard.size(records) for shard in shards]


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "a/b", "-1/4", "1/4/2"])
def test_a_wrong_shard_is_refused(text):
    with pytest.raises(ConfigError, match="shard"):
        Shard.parse(text)


def test_the_shard_of_a_slurm_task():
    assert Shard.of_slurm({}) is None
    array = {"SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "3", "SLURM_ARRAY_TASK_MAX": "6"}
    found = [str(Shard.of_slurm({**array, "SLURM_ARRAY_TASK_ID": str(task)})) for task in range(3, 7)]
    assert found == ["1/4", "2/4", "3/4", "4/4"]
    with pytest.raises(ConfigError, match="--shard"):
        Shard.of_slurm({**array, "SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_MAX": "9"})


def test_batches_hold_ligands_of_like_size_the_largest_first():
    queue = Queue()
    queue.add(work(number, atoms=5 + 7 * (number % 5)) for number in range(40))
    sizes = []
    while batch := queue.take(BATCH_LIGANDS):
        assert len({one.heavy_atoms // BUCKET_ATOMS for one in batch.works}) == 1
        assert len(batch.works) <= BATCH_LIGANDS
        sizes.append(max(one.heavy_atoms for one in batch.works) // BUCKET_ATOMS)
    assert sizes == sorted(sizes, reverse=True)
    assert len(queue) == 0


def test_a_ligand_that_cost_a_worker_is_docked_alone():
    queue = Queue()
    queue.add([work(1), work(2, attempts=1), work(3)])
    assert [[one.id for one in batch.works] for batch in iter(lambda: queue.take(4), None)] == [[2], [1, 3]]


@given(st.integers(0, 10**6), st.integers(1, 100))
def test_batches_shrink_towards_the_end(waiting, workers):
    size = batch_size(waiting, workers)
    assert 1 <= size <= BATCH_LIGANDS
    assert size == 1 or size * workers <= waiting
