"""What `screen` prints, in 80 columns however large the numbers are."""

from __future__ import annotations

from pathlib import Path

import pytest

from disco_dock.cli.screen_console import BAR, ScreenConsole, _line, screen_headline
from disco_dock.cli.wording import WIDTH
from disco_dock.docking.settings import PocketHint, PredictSettings
from disco_dock.screening.ledger.identity import ScreenSettings
from disco_dock.screening.progress import Snapshot
from disco_dock.screening.screen import ScreenEnd

SMALL = {"rows": 4, "docked": 1, "unmet": 0, "failed": 0, "duplicates": 0, "pending": 3, "failures": {}}
LARGE = {
    "rows": 1_234_567_890,
    "docked": 1_000_000_000,
    "unmet": 999_999_999,
    "failed": 234_567,
    "duplicates": 1_000,
    "pending": 1_000_000,
    "failures": {"input": 234_000, "timeout": 500, "crashed": 67},
}


def snapshot(values, **more) -> Snapshot:
    rest = {"reading": False, "seconds": 9e5, "per_hour": 123_456.7, "seconds_left": 9e8, "workers_lost": 12}
    return Snapshot(event="progress", **{**rest, **values, **more})


@pytest.mark.parametrize("values", [SMALL, LARGE])
@pytest.mark.parametrize("reading", [True, False])
def test_bar_and_text_fit(values, reading):
    line = _line(snapshot(values, reading=reading))
    assert len(line) <= WIDTH - BAR - 2
    assert line.startswith(f"{values['rows'] - values['pending']:,} of {values['rows']:,}")


@pytest.mark.parametrize("values", [SMALL, LARGE])
def test_the_end_says_what_is_where_and_what_to_do_next(capsys, values):
    end = ScreenEnd(snapshot=snapshot(values), broken=())
    ScreenConsole("auto", None).print_end(Path("run.sqlite"), end, asked="with hbond:A:MET793, without salt:A:ASP855")
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= WIDTH
    assert "results in run.sqlite" in out and "the same command goes on" in out
    assert ("--status unmet" in out) == bool(values["unmet"])
    assert ("--status failed" in out) == bool(values["failed"])


@pytest.mark.parametrize("pocket", [None, PocketHint(center=(0.0, 0.0, 0.0))])
@pytest.mark.parametrize("libraries", [["lib.smi"], ["/a/path/" + "long_" * 30 + "lib.smi"], ["a.smi", "b.smi"]])
def test_the_headline_is_one_line(pocket, libraries):
    settings = ScreenSettings(predict=PredictSettings(num_poses=8, pocket=pocket))
    given = {"ligands": libraries, "protein": "/a/path/" + "long_" * 30 + "protein.pdb", "workers": 16}
    line = screen_headline(given, settings)
    assert len(line) <= WIDTH
    assert "protein.pdb" in line and "8 poses each, 16 workers" in line and "/" not in line
