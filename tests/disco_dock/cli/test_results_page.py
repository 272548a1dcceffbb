"""The page of a screen: numbers, drawings and scaffolds, offline, and nothing of a library runs in it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from disco_dock.cli.main import main
from disco_dock.report.screen_page import histogram, scaffold_groups
from tests.support.screening import screen


@pytest.fixture
def store(tmp_path):
    library = tmp_path / "lib.smi"
    tails = ("C", "CC", "CCO", "CCN", "CCC")
    lines = [f"{tail}c1ccccc1 benzene{at}" for at, tail in enumerate(tails)] + ["C1CCNCC1 ring", "CCO ethanol"]
    library.write_text("\n".join([*lines, "C(C bad", "CC(=O)O <script>alert(1)</script>"]) + "\n")
    screen(tmp_path / "s.sqlite", library)
    with closing(sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)) as connection:
        connection.execute("UPDATE pose SET interactions = 'hbond:A:MET793', p_rmsd_under_2 = 0.4")
    return tmp_path / "s.sqlite"


def test_the_page_has_counts_drawings_and_scaffolds(store, capsys):
    assert main(["results", str(store), "--report", "--top", "4"]) == 0
    page = store.with_suffix(".html").read_text()
    assert "4 of 8 ligands drawn" in capsys.readouterr().out
    assert "<strong>8</strong> docked" in page and "1 failed: input" in page
    assert page.count("<article") == 4 + 2  # and two scaffolds
    assert "5 ligands" in page and ">c1ccccc1<" in page and "Vina score" in page
    assert "A:MET793" in page and "4 best by Vina score" in page
    assert not re.search(r'(?:src|href)="(?!#|data:)', page)


def test_text_of_a_library_is_not_markup(store):
    assert main(["results", str(store), "--report", "--where", "name LIKE '%script%'"]) == 0
    page = store.with_suffix(".html").read_text()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_filters_and_columns_count(store, tmp_path, capsys):
    out = tmp_path / "page.html"
    assert main(["results", str(store), "--report", str(out), "--sort", "heavy_atoms", "--require", "A:793"]) == 0
    page = out.read_text()
    assert "best by heavy atoms" in page and "with A:793" in page
    assert main(["results", str(store), "--report", str(out), "--exclude", "A:793"]) == 0
    assert "<strong>8</strong> docked" in out.read_text() and "<article" not in out.read_text()


def test_histograms():
    assert histogram(np.array([np.nan]), "x") is None
    one = histogram(np.array([2.0, 2.0]), "x")
    assert one is not None and len(one.bars) == 1 and one.bars[0][4].endswith("2 ligands")
    many = histogram(np.arange(300.0), "x")
    assert many is not None and len(many.bars) == 30 and many.middle == "median 149.50"


def test_scaffolds_are_sorted_by_number_and_molecules_without_rings_have_none():
    found = scaffold_groups([("CCO", "a", 1.0), ("Cc1ccccc1", "b", -7.0), ("CCc1ccccc1", "c", -6.0), ("x", "d", 0.0)])
    assert [(one.smiles, one.count, one.name, one.number) for one in found] == [("c1ccccc1", 2, "b", -7.0)]
    assert "currentColor" in found[0].drawing
