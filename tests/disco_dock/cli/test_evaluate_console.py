"""Progress of `evaluate`, and its tables in 80 columns."""

from __future__ import annotations

from disco_dock.cli.evaluate_console import EvaluateConsole, blocks, compact, turned
from disco_dock.cli.wording import WIDTH

RATE = {"percent": 33.3, "interval": [0.0, 100.0]}
METHOD = {
    "complexes": 3,
    "failures": 1,
    "success": {name: {"under_2": RATE, "under_5": RATE} for name in ("top1", "top5", "best")},
    "distances": {"rmsd_top1": {"p25": 1.0, "p50": None, "p75": 3.0}},
    "mean_cpu_seconds": 1.5,
}


def test_methods_stand_below_each_other_where_they_do_not_fit_beside():
    names = ["disco-dock", "disco-dock-contacts", "vina-blind", "rustina-blind-default"]
    text = blocks(*compact({"methods": dict.fromkeys(names, METHOD)}))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert all(name in text for name in names)
    assert text.count("first < 2 Å") == len(text.split("\n\n")) == 2
    assert "valid" not in text and "-" in text  # rates without a value are left out, a median is not known


def test_a_column_wider_than_the_screen_still_ends():
    assert blocks(["", "x" * 100], [["a", "b"]]).splitlines()[1].startswith("a")


def test_turned_tables_keep_their_cells():
    assert turned(["lead", "a", "b"], [["one", "1", "2"], ["two", "3", "4"]]) == (
        ["lead", "one", "two"],
        [["a", "1", "3"], ["b", "2", "4"]],
    )


def test_methods_that_dock_together_share_the_progress(capsys, monkeypatch):
    shown = []
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with EvaluateConsole("evaluating x") as console:
        assert console._bar is not None
        for done in (1, 2):
            for method in ("ours", "ours-by-vina"):
                console.row(method, done, 2)
        shown.append([(task.description, task.percentage) for task in console._bar.tasks])
        console.row("vina", 1, 2)
        shown.append([(task.description.split(":")[0], task.percentage) for task in console._bar.tasks])
    assert shown == [[("ours: 2 of 2 complexes", 100.0)], [("ours", 100.0), ("vina", 50.0)]]
