"""The view of a `Result` in JupyterLab itself, where it is installed: a cell is run there, and no network is asked."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from disco_dock.docking.runs.self_test import write_peptide
from tests.support.browser import PATIENCE, chromium, wait_until_drawn, watched

ROOT = Path(__file__).parents[1]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("jupyter-lab") is None, reason="no jupyter-lab"),
]
CELL = """from disco_dock import Docker
from tests.disco_dock.docking.fake_engine import fake_engine
result = Docker(fake_engine()).dock("p.pdb", "CC(=O)Nc1ccc(O)cc1", num_poses=6, steps=3)
result"""


@pytest.fixture
def lab(tmp_path) -> Iterator[str]:
    """Address of a JupyterLab that serves a folder with a notebook, whose kernel is this Python."""
    write_peptide(tmp_path / "p.pdb")
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": CELL, "outputs": [], "execution_count": None}
    kernel = {"name": "under_test", "display_name": "under test", "language": "python"}
    notebook = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    kernels = tmp_path / ".share" / "kernels" / "under_test"
    kernels.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "under test", "language": "python", "env": {"PYTHONPATH": str(ROOT)}}
    (kernels / "kernel.json").write_text(json.dumps(spec))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = {"HOME": str(tmp_path), "JUPYTER_PATH": str(tmp_path / ".share"), "JUPYTER_CONFIG_DIR": str(tmp_path / "c")}
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | home
    options = [
        f"--port={port}",
        "--no-browser",
        "--allow-root",
        "--IdentityProvider.token=",
        f"--notebook-dir={tmp_path}",
    ]
    command = ["jupyter-lab", *options, "--ServerApp.disable_check_xsrf=True"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=tmp_path)
        try:
            yield _ready(f"http://127.0.0.1:{port}", server, tmp_path / "log")
        finally:
            server.terminate()
            server.wait()


def _ready(address: str, server: subprocess.Popen, log: Path) -> str:
    for _ in range(PATIENCE // 200):
        try:
            with urlopen(f"{address}/api/status"):
                return address
        except (URLError, OSError):
            assert server.poll() is None, log.read_text()
            time.sleep(0.2)
    pytest.fail(log.read_text())


def test_a_result_is_shown_and_nothing_is_fetched_from_elsewhere(lab, tmp_path):
    with chromium() as browser:
        context = browser.new_context(viewport={"width": 1500, "height": 1150})
        asked, _ = watched(context)
        page = context.new_page()
        page.goto(f"{lab}/lab/tree/a.ipynb?reset")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        page.click(".jp-Notebook .jp-CodeCell .cm-content")
        page.keyboard.press("Shift+Enter")
        frame = page.frame_locator(".jp-OutputArea iframe[title='Docked poses']")
        frame.locator("#view[data-ready]").wait_for(state="attached")
        wait_until_drawn(page, frame.locator("#view"))
        if "DISCO_DOCK_SHOTS" in os.environ:
            page.locator(".jp-OutputArea iframe").scroll_into_view_if_needed()
            page.screenshot(path=Path(os.environ["DISCO_DOCK_SHOTS"]) / "jupyterlab.png")
        frame.locator('tr[data-rank="1"]').click()
    local = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:", "about:")
    assert not [url for url in asked if not url.startswith(local)]
