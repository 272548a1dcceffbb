"""Which programs are run, and with how much effort."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from disco_dock.evaluation.baseline import Budget
from disco_dock.evaluation.baselines import Baseline, baseline_methods, baselines_of, effort_text, seconds_used
from disco_dock.evaluation.rows import MeasuredComplex
from disco_dock.evaluation.rustina.method import PACKAGES as OF_RUSTINA
from disco_dock.evaluation.vina.method import PACKAGES as OF_VINA
from disco_dock.runtime.errors import InputError


def test_a_program_means_both_boxes():
    blind, pocket = Baseline("vina", "blind"), Baseline("vina", "pocket")
    assert baselines_of(["vina"]) == (blind, pocket)
    assert baselines_of(["rustina-pocket", "vina-pocket", "vina"]) == (Baseline("rustina", "pocket"), pocket, blind)
    with pytest.raises(InputError, match="'glide'.*rustina-pocket"):
        baselines_of(["glide"])


def test_each_effort_is_a_method():
    if any(find_spec(module) is None for module in (*OF_VINA, *OF_RUSTINA)):
        pytest.skip("the programs are not installed")
    budget = Budget({"a": 3.0}, "origin")
    made = {}
    for one in baselines_of(["vina-pocket", "rustina-blind"]):
        for method in baseline_methods(one, ("equal", "default"), budget, num_poses=5, seed=0):
            with method:
                made[method.name] = method.settings
    names = ["vina-pocket", "vina-pocket-exhaustiveness-8", "vina-pocket-exhaustiveness-32"]
    assert list(made) == [*names, "rustina-blind", "rustina-blind-default"]
    assert [name for name, settings in made.items() if settings.get("budget") == "origin"] == [
        names[0],
        "rustina-blind",
    ]


def test_the_time_is_that_of_our_docking_or_the_mean_where_it_failed():
    rows = [MeasuredComplex(id=name, rmsd=(1.0,), cpu_seconds=s) for name, s in (("a", 2.0), ("b", 4.0))]
    rows.append(MeasuredComplex(id="c", error="no"))
    assert seconds_used(rows, None) == {"a": 2.0, "b": 4.0, "c": 3.0}
    assert seconds_used(rows, 5.0) == {"a": 5.0, "b": 5.0, "c": 5.0}


def test_the_text_names_programs_and_times():
    both = baselines_of(["vina", "rustina"])
    assert effort_text([], ("equal",), None, "cpu") == "no baseline was run"
    text = effort_text(both, ("equal", "default"), 5.0, "cpu")
    assert text.startswith("Vina and Rustina got 5 CPU seconds") and "at their own defaults" in text
    assert "also used the device cuda" in effort_text(both[:1], ("equal",), None, "cuda")
