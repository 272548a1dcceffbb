"""Shards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco_dock.runtime.errors import ConfigError
from disco_dock.screening.plan import Shard


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
