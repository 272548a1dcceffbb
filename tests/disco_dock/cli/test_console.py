"""Tables and progress lines."""

from __future__ import annotations

from disco_dock.cli.console import MAX_CELL, SHOWN_ROWS, Console, text_table
from disco_dock.docking.runs.summary import ComplexSummary


def test_text_table_aligns_and_cuts():
    lines = text_table(("a", "bb"), [("xxx", "y"), ("z", "w" * 200)]).splitlines()
    assert lines[0] == "a    bb" and lines[1] == "xxx  y"
    assert lines[2].endswith("...") and len(lines[2]) == 5 + MAX_CELL


def test_batch_shows_failures_first_when_long(capsys, tmp_path):
    rows = [ComplexSummary(name=f"c{number}", status="ok", protein="p", ligand="l") for number in range(SHOWN_ROWS + 5)]
    rows.append(ComplexSummary(name="last", status="failed", message="because", protein="p", ligand="l"))
    Console(batch=True).print_results(tmp_path, rows)
    out = capsys.readouterr().out
    assert out.splitlines()[1].startswith("last") and "because" in out
    assert "and 6 more" in out and "26 complexes: 25 ok, 0 reused, 1 failed" in out


def test_bar_on_a_terminal_shows_names_as_they_are(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Console(batch=True) as console:
        for number, name in enumerate(("[red]a", "b"), start=1):
            console.start(name, number, 2)
            console.step(1, 2)
            console.finish(ComplexSummary(name=name, status="failed", message="[bold]because", protein="p", ligand="l"))
    err = capsys.readouterr().err
    assert "[1/2] [red]a: failed in 0.0 s: [bold]because" in err and "[2/2] b" in err


def test_plain_progress_is_a_few_lines(capsys):
    with Console(batch=False) as console:
        console.start("x", 1, 1)
        for step in range(100):
            console.step(step + 1, 100)
    assert capsys.readouterr().err.splitlines() == ["x: 25 %", "x: 50 %", "x: 75 %", "x: 100 %"]


def test_notes_of_a_batch_are_counted(capsys):
    with Console(batch=True) as console:
        for name, notes in (("a", 2), ("b", 0)):
            console.start(name, 1, 2)
            for _ in range(notes):
                console.note("something")
            console.finish(ComplexSummary(name=name, status="ok", protein="p", ligand="l"))
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["[1/2] a: ok in 0.0 s (2 notes in its run.json)", "[1/2] b: ok in 0.0 s"]
