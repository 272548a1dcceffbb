"""Complexes drawn by sequence cluster."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from disco_dock.runtime.errors import InputError
from disco_dock.training.expert.drawing import WeightedPlan, cluster_weights


def test_weights_go_with_the_root_of_a_cluster(tmp_path):
    file = tmp_path / "clusters.csv"
    file.write_text("id,cluster\n" + "".join(f"a{k},big\n" for k in range(16)) + "b,one\n")
    ids = [f"a{k}" for k in range(16)] + ["b"]
    weight = cluster_weights(ids, str(file))
    assert weight.sum() == pytest.approx(1) and weight[-1] == pytest.approx(4 * weight[0])
    assert np.allclose(cluster_weights(ids, ""), 1 / 17)
    plan = WeightedPlan(weight=weight, batch_size=2, seed=0)
    drawn = Counter(number for step in range(600) for number in plan.batch(step))
    assert 0.1 < drawn[16] / drawn.total() < 0.3 and plan.batch(5) == plan.batch(5)
    assert all(len(set(plan.batch(step))) == 2 for step in range(50)) and plan.steps_per_epoch == 9


@pytest.mark.parametrize(
    ("text", "message"),
    [("id,group\na,b\n", "it needs id and cluster"), ("id,cluster\na,b\n", "has no cluster of b and 0 other")],
)
def test_wrong_files(tmp_path, text, message):
    file = tmp_path / "clusters.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        cluster_weights(["a", "b"], str(file))
    with pytest.raises(InputError, match="cannot be read"):
        cluster_weights(["a"], str(tmp_path / "none.csv"))
