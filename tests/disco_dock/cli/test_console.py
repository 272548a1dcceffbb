"""Tables and progress lines."""

from __future__ import annotations

from disco_dock.cli.console import MAX_CELL, SHOWN_ROWS, WIDTH, Console, pose_table, text_table
from disco_dock.docking.runs.summary import ComplexSummary
from disco_dock.runtime.notes import Caution


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


def test_batch_fits_80_columns_and_says_what_is_next(capsys, tmp_path):
    rows = [
        ComplexSummary(
            name="protein_" * 9,
            status="failed",
            message="because of this " * 9,
            protein="p",
            ligand="l",
            vina_score=-7.0,
        ),
        ComplexSummary(name="b", status="ok", protein="p", ligand="l", p_rmsd_under_2=0.4, valid=True),
    ]
    Console(batch=True).print_results(tmp_path, rows)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[:3])) <= WIDTH and "because of" in lines[1] and lines[1].endswith("...")
    assert lines[-1] == f"next: disco-dock report {tmp_path}"


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
    assert capsys.readouterr().err.splitlines() == [
        "x: sampled 25 %",
        "x: sampled 50 %",
        "x: sampled 75 %",
        "x: sampled 100 %; refining and checking",
    ]


def test_notes_of_a_batch_are_counted(capsys):
    with Console(batch=True) as console:
        for name, notes in (("a", 2), ("b", 0)):
            console.start(name, 1, 2)
            for _ in range(notes):
                console.note(Caution("something"))
                console.note("of no weight")
            console.finish(ComplexSummary(name=name, status="ok", protein="p", ligand="l"))
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["[1/2] a: ok in 0.0 s (2 warnings in its run.json)", "[1/2] b: ok in 0.0 s"]


def test_only_warnings_are_shown_unless_verbose(capsys):
    for verbose, expected in ((False, ["warning: read me"]), (True, ["note: look me up", "warning: read me"])):
        with Console(batch=False, verbose=verbose) as console:
            console.start("x", 1, 1)
            console.note("look me up")
            console.note(Caution("read me"))
        assert capsys.readouterr().err.splitlines() == expected


def pose(rank: int, cluster: int, **values: str) -> dict[str, str]:
    empty = dict.fromkeys(("confidence", "p_rmsd_under_2", "vina_score", "contact_score", "valid", "clash_count"), "")
    return {**empty, "rank": str(rank), "cluster": str(cluster), "key_residues": "", **values}


def test_one_row_for_each_distinct_pose_in_80_columns():
    full = {
        "p_rmsd_under_2": "0.62",
        "vina_score": "-7.81",
        "contact_score": "0.712",
        "valid": "true",
        "clash_count": "0",
    }
    residues = " ".join(f"A:ASP{number}" for number in range(100, 130))
    poses = [pose(rank, 1 + rank // 4, key_residues=residues, **full) for rank in range(1, 9)]
    lines = pose_table(poses).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert lines[0].split() == "pose P(<2 A) Vina contacts valid copies key residues".split()
    assert [line.split()[:7] for line in lines[1:]] == [
        ["1", "62", "%", "-7.8", "0.71", "yes", "3"],
        ["4", "62", "%", "-7.8", "0.71", "yes", "4"],
        ["8", "62", "%", "-7.8", "0.71", "yes", "1"],
    ]
    assert "A:ASP100 A:ASP101" in lines[1]


def test_columns_without_values_are_left_out():
    assert pose_table([pose(1, 1, confidence="-1.25", clash_count="2")]).splitlines()[0].split() == [
        "pose",
        "clashes",
        "copies",
        "confidence",
    ]
    assert pose_table([pose(1, 1, confidence="-1.25", clash_count="0")]).splitlines()[1].split() == ["1", "1", "-1.25"]
