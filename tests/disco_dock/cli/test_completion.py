"""What the shell is offered."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("argcomplete")
ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(os.name == "nt", reason="shells that ask are on POSIX")
@pytest.mark.parametrize(
    ("line", "offered", "missing"),
    [
        ("disco-dock scr", "screen", "predict"),
        ("disco-dock predict --prot", "--protein", "--ligands"),
        ("disco-dock predict --protein p.pdb --core-", "--core-tolerance", "--protein"),
        ("disco-dock results s.sqlite --req", "--require", "--exclude"),
        ("disco-dock predict -l 'CC", "", "--protein"),
    ],
)
def test_commands_and_options_are_offered(tmp_path, line, offered, missing):
    answer = tmp_path / "answer"
    environment = {
        **os.environ,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
    }
    run = [sys.executable, "-m", "disco_dock"]
    subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False)
    found = answer.read_text().split("\x0b") if answer.is_file() else []
    assert not offered or any(word.strip() == offered for word in found), found
    assert missing not in [word.strip() for word in found]
