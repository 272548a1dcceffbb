"""Order of poses and their tables."""

from __future__ import annotations

import numpy as np

from disco_dock.ranking.order import rank_order
from disco_dock.runtime.tables import csv_text


def test_rank_by_confidence_with_ties_in_sampling_order():
    order = rank_order(np.array([0.1, 2.0, 0.1, -3.0]), np.ones(4, dtype=bool))
    assert order.tolist() == [1, 0, 2, 3]


def test_wrong_stereo_and_nan_come_last():
    order = rank_order(np.array([5.0, np.nan, 1.0, 2.0]), np.array([False, True, True, True]))
    assert order.tolist() == [3, 2, 1, 0]


def test_without_confidence_the_sampling_order_stays():
    assert rank_order(None, np.ones(3, dtype=bool)).tolist() == [0, 1, 2]


def test_csv_text():
    rows = [{"a": None, "b": True, "c": 'x,"y"'}, {"a": 1.5, "b": False, "c": ""}]
    assert csv_text(("a", "b", "c"), rows) == 'a,b,c\n,true,"x,""y"""\n1.5,false,\n'
