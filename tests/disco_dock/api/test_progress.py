"""The progress bar of docking from Python."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

import disco_dock
from disco_dock.api import progress
from disco_dock.api.progress import in_notebook, progress_bar
from disco_dock.runtime.errors import ConfigError
from tests.disco_dock.docking.fake_engine import fake_engine


def test_a_bar_counts_the_steps_and_goes(capsys):
    with progress_bar("1abc", True) as step:
        assert step is not None
        step(1, 4)
        step(2, 4)
        assert "1abc:  50%" in capsys.readouterr().err
        step(4, 4)
    assert capsys.readouterr().err.endswith("\r")


def test_there_is_none_outside_of_notebooks(peptide, capsys):
    assert not in_notebook()
    disco_dock.Docker(fake_engine()).dock(peptide, "CCO", num_poses=2, steps=2)
    assert capsys.readouterr().err == ""
    disco_dock.Docker(fake_engine()).dock(peptide, "CCO", num_poses=2, steps=2, progress=True)
    assert "2/2" in capsys.readouterr().err


def test_notebooks_have_one(monkeypatch, capsys):
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(progress, "find_spec", lambda name: None if name == "ipywidgets" else object())
    with progress_bar("1abc", None) as step:
        step(1, 1)
    assert "100%" in capsys.readouterr().err
    with progress_bar("1abc", False) as step:
        assert step is None


def test_without_tqdm(monkeypatch):
    monkeypatch.setattr(progress, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"disco-dock\[notebook\]"), progress_bar("1abc", True):
        pass
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    with progress_bar("1abc", None) as step:
        assert step is None
