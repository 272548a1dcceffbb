"""The examples of docs/extending.md run, each section in a namespace and a folder of its own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"
SECTIONS = {
    title: re.findall(r"```python\n(.*?)```", body, flags=re.DOTALL)
    for title, body in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), flags=re.M | re.S)
}


@pytest.mark.parametrize("title", SECTIONS)
def test_the_example_runs(title, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(PAGE.parents[1] / "data", tmp_path / "data")
    blocks = SECTIONS[title]
    assert blocks, "a section without an example"
    namespace: dict[str, object] = {"__name__": "example"}
    for block in blocks:
        exec(compile(block, f"{PAGE.name}: {title}", "exec"), namespace)
    assert any("assert " in block for block in blocks), "an example that proves nothing"
