"""`disco-dock serve` as a user runs it: the bundled checkpoint, a kill in the middle, the page in a browser."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from tests.disco_dock.server.serving import JOBS, PATIENCE, finished, until
from tests.support.browser import chromium, watched

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "data" / "examples" / "1s3v"
LIGANDS = b"CC(=O)Nc1ccc(O)cc1 paracetamol\nCC(=O)Oc1ccccc1C(=O)O aspirin\n"
OPTIONS = {
    "num_poses": "4",
    "steps": "8",
    "seed": "7",
    "report": "false",
    "pocket_residues": "A:7",
    "search_moves": "5",
}


class Server:
    """A `disco-dock serve` in a process of its own, on a free port."""

    def __init__(self, store: Path, *options: str) -> None:
        command = [sys.executable, "-m", "disco_dock", "serve", "--port", "0", "--store", str(store), *options]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line + (self.process.stderr.read() if self.process.stderr else "")
        self.address = found[0]
        self.client = httpx.Client(base_url=self.address, timeout=PATIENCE)

    def end(self, how: signal.Signals) -> tuple[int, str]:
        """Exit status and what was said on standard error, after a signal."""
        self.client.close()
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(how)
        _, said = self.process.communicate(timeout=PATIENCE)
        _, left = psutil.wait_procs(children, timeout=PATIENCE)
        assert not left, "a docking process outlived its server"
        return self.process.returncode, said


def dock(client: httpx.Client) -> dict:
    files = {"protein": ("1s3v.pdb", (EXAMPLE / "protein.pdb").read_bytes()), "ligand": ("two.smi", LIGANDS)}
    answer = client.post(JOBS, files=files, data=OPTIONS)
    assert answer.status_code == 202, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A server that was killed after the first of two ligands and started again, with what is to know of that job."""
    store = tmp_path_factory.mktemp("live") / "jobs"
    server = Server(store)
    job = dock(server.client)
    first = store / job["id"] / "out" / "paracetamol" / "run.json"
    until(server.client, job["id"], lambda _: first.exists())
    status, _ = server.end(signal.SIGKILL)
    assert status == -signal.SIGKILL
    state = json.loads((store / job["id"] / "job.json").read_text())["state"]
    written = first.stat().st_mtime_ns
    again = Server(store)
    yield again, job["id"], state, first, written
    if again.process.poll() is None:
        again.end(signal.SIGTERM)


def poses(client: httpx.Client, job_id: str, number: int) -> str:
    return client.get(f"{JOBS}/{job_id}/files/poses.sdf", params={"complex": number}).raise_for_status().text


def test_a_job_survives_the_death_of_its_server(killed):
    server, job_id, state, first, written = killed
    assert state == "running"
    job = finished(server.client, job_id)
    assert job["state"] == "done" and job["attempts"] == 2, job
    assert first.stat().st_mtime_ns == written, "the finished ligand was docked again"
    undisturbed = finished(server.client, dock(server.client)["id"])
    assert undisturbed["attempts"] == 1
    for number in (1, 2):
        assert poses(server.client, job_id, number) == poses(server.client, undisturbed["id"], number)


@pytest.fixture(scope="module")
def page(killed):
    """The page of the running server, with what it asked for and what went wrong in it."""
    with chromium() as browser:
        context = browser.new_context(viewport={"width": 1200, "height": 820}, color_scheme="light")
        asked, errors = watched(context)
        opened = context.new_page()
        opened.asked, opened.errors = asked, errors
        opened.goto(killed[0].address)
        yield opened


def drop(page, zone: str, path: Path) -> None:
    """Drop a file onto a zone as a mouse would."""
    transfer = page.evaluate_handle(
        "([text, name]) => { const all = new DataTransfer(); all.items.add(new File([text], name)); return all; }",
        [path.read_text(), path.name],
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event(f'[data-drop="{zone}"]', event, {"dataTransfer": transfer})


def test_drop_dock_and_read_the_report(page, killed):
    page.click("#dock")
    assert page.inner_text("#protein-problem") == "Add a protein first."
    drop(page, "protein", EXAMPLE / "protein.pdb")
    drop(page, "ligand", EXAMPLE / "ligand.sdf")
    assert "protein.pdb" in page.inner_text("#protein-file") and page.is_hidden("#protein-problem")
    page.fill("[name=num_poses]", "2")
    page.fill("[name=title]", "from the page")
    page.click("#dock")
    entry = page.locator("#list > li", has_text="from_the_page")
    entry.locator("progress").wait_for()
    entry.locator("a:has-text('Open report')").wait_for()
    assert "done" in entry.inner_text() and "2 poses" in entry.inner_text()
    with page.context.expect_page() as opened:
        entry.locator("a:has-text('Open report')").click()
    report = opened.value
    report.wait_for_selector("#view[data-ready]")
    assert report.locator("tr[data-rank]").count() == 2
    assert "PoseBusters failed" not in report.inner_text("main")
    assert report.evaluate("location.origin + window.origin").endswith("null")  # it has no access to the site
    report.close()
    outside = [url for url in page.asked if not url.startswith((killed[0].address, "blob:", "data:"))]
    assert outside == [] and page.errors == []


def test_a_client_that_goes_away_cancels_its_docking(killed):
    client = killed[0].client
    body = {"protein": (EXAMPLE / "protein.pdb").read_text(), "ligand": "CC(=O)Nc1ccc(O)cc1", "num_poses": 100}
    with pytest.raises(httpx.ReadTimeout):
        client.post("/molecular-docking/diffdock/generate", json=body, timeout=1.0)
    end = time.monotonic() + PATIENCE
    while not (found := [job["id"] for job in client.get(JOBS).json() if job["source"] == "nim"]):
        assert time.monotonic() < end, "the request never became a job"
        time.sleep(0.05)
    assert finished(client, found[0])["state"] == "cancelled"


def test_interrupt_ends_all_and_says_so(killed):
    server = killed[0]
    job = dock(server.client)
    until(server.client, job["id"], lambda found: found["state"] == "running")
    status, said = server.end(signal.SIGINT)
    assert status == 0 and "go on when the server is started again" in said and "Traceback" not in said, said


def test_command_line(tmp_path):
    command = [sys.executable, "-m", "disco_dock", "serve", "--store", str(tmp_path / "jobs")]
    wrong = subprocess.run([*command, "--max-queue", "0"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2 and "--max-queue must be at least 1" in wrong.stderr
    nowhere = subprocess.run([*command, "--host", "192.0.2.1"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert nowhere.returncode == 1 and "without authentication" in nowhere.stderr and "cannot listen" in nowhere.stderr
    assert "Traceback" not in nowhere.stderr + wrong.stderr


def test_missing_packages_are_named(monkeypatch, capsys):
    from disco_dock.cli import serve
    from disco_dock.cli.main import main

    monkeypatch.setattr(serve, "find_spec", lambda name: None)
    assert main(["serve"]) == 1
    assert "pip install 'disco-dock[serve]'" in capsys.readouterr().err
