"""A peptide, a fake engine behind the real command line, and a runner."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from disco_dock.cli.main import main
from disco_dock.docking import engine
from disco_dock.docking.runs.self_test import write_peptide
from tests.disco_dock.docking.fake_engine import fake_engine


class Outcome(NamedTuple):
    """Exit status and printed text."""

    status: int
    out: str
    err: str


@pytest.fixture
def disco(capfd, monkeypatch, tmp_path):
    """Run `disco-dock` in a fresh current folder with a fake engine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engine, "load_engine", lambda checkpoint, device: fake_engine())

    def run(*argv) -> Outcome:
        capfd.readouterr()
        status = main([str(argument) for argument in argv])
        return Outcome(status, *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def peptide_text(tmp_path_factory) -> str:
    """PDB text of a ten-residue peptide."""
    path = tmp_path_factory.mktemp("peptide") / "p.pdb"
    write_peptide(path)
    return path.read_text()


@pytest.fixture
def peptide(tmp_path, peptide_text) -> str:
    """`p.pdb` in the current folder."""
    (tmp_path / "p.pdb").write_text(peptide_text)
    return "p.pdb"
