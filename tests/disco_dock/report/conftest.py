"""A docked folder made by the real command line with a fake engine, and its report."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from disco_dock.cli.main import main
from disco_dock.docking import engine
from disco_dock.docking.runs.self_test import write_peptide
from disco_dock.report import page
from disco_dock.report.folder import read_folder
from tests.disco_dock.docking.fake_engine import fake_engine


@pytest.fixture(scope="session")
def docked_path(tmp_path_factory) -> Path:
    """Output folder of a docking with a recorded diffusion."""
    folder = tmp_path_factory.mktemp("docked")
    write_peptide(folder / "p.pdb")
    before, here = engine.load_engine, Path.cwd()
    engine.load_engine = lambda checkpoint, device: fake_engine()
    os.chdir(folder)
    try:
        options = "--protein p.pdb --ligand CC(=O)Nc1ccc(O)cc1 -o out --num-poses 6 --steps 3 --trajectory"
        assert main(["predict", *options.split()]) == 0
    finally:
        engine.load_engine = before
        os.chdir(here)
    return folder / "out"


@pytest.fixture(scope="session")
def docked(docked_path):
    """The folder read back."""
    return read_folder(docked_path)


@pytest.fixture(scope="session")
def report_path(docked, docked_path) -> Path:
    """The page of the folder."""
    path = docked_path / "report.html"
    path.write_text(page.report_page(docked), encoding="utf-8")
    return path
