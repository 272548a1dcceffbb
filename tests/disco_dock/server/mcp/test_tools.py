"""The tools for agents, through the protocol package's own client: in one process, and over stdio."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import pytest

mcp = pytest.importorskip("mcp", reason="mcp is not installed")

from disco_dock.docking.runs.self_test import write_peptide  # noqa: E402
from disco_dock.ranking import cnn_score  # noqa: E402
from disco_dock.runtime.errors import ConfigError  # noqa: E402
from disco_dock.server.mcp.tools import create_mcp  # noqa: E402
from tests.disco_dock.server.serving import ASPIRIN, quick_engine, settings, slow_engine  # noqa: E402

TOOLS = {"dock", "job", "jobs", "cancel", "explain_pose", "report", "screen_status", "screen_results"}
ROOT = Path(__file__).parents[4]
QUICK = {"protein": "p.pdb", "smiles": ASPIRIN, "num_poses": 3}


@pytest.fixture
def folder(tmp_path):
    """A folder with a peptide."""
    (tmp_path / "files").mkdir()
    write_peptide(tmp_path / "files" / "p.pdb")
    return tmp_path / "files"


class Talk:
    """A client whose calls give results, or raise what the server said."""

    def __init__(self, client) -> None:
        self._client = client

    async def __call__(self, tool: str, **arguments):
        answer = await self._client.call_tool(tool, arguments)
        if answer.is_error:
            raise RuntimeError(answer.content[0].text)
        found = answer.structured_content
        return found["result"] if found is not None and set(found) == {"result"} else found


def talk(folder, conversation, load=quick_engine, **changes):
    """Run a conversation with a server in this process."""

    async def run():
        async with mcp.Client(create_mcp(settings(folder.parent, **changes), folder, load)) as client:
            return await conversation(Talk(client))

    return anyio.run(run)


def test_a_ligand_is_docked_explained_and_reported(folder):
    async def conversation(call):
        job = await call("dock", **QUICK, pocket_residues=["A:3"], title="first", rank_by="vina")
        assert job["state"] in ("queued", "running") and job["title"] == "first"
        done = await call("job", job_id=job["id"], wait_seconds=120)
        assert done["state"] == "done" and done["complexes"][0]["num_poses"] == 3
        assert [one["id"] for one in await call("jobs")] == [job["id"]]
        text = await call("explain_pose", job_id=job["id"], rank=2)
        links = await call("report", job_id=job["id"])
        with pytest.raises(RuntimeError, match="there is no pose 9"):
            await call("explain_pose", job_id=job["id"], rank=9)
        with pytest.raises(RuntimeError, match="ligand 2 of this job has no files"):
            await call("report", job_id=job["id"], number=2)
        return text, links

    text, links = talk(folder, conversation)
    assert text.startswith("Pose 2 of 3 of first (CC(=O)Oc1ccccc1C(=O)O).") and "Notes on this run:" in text
    assert next(iter(links)) == "report.html" and {"poses.sdf", "run.json"} < set(links)
    assert Path(links["report.html"].removeprefix("file://")).read_text().startswith("<!")


REFUSED = (
    ({"protein": "../secret.pdb"}, "lies outside"),
    ({"protein": "/etc/passwd"}, "lies outside"),
    ({"protein": "link.pdb"}, "lies outside"),
    ({"protein": "absent.pdb"}, "there is no file absent.pdb"),
    ({"protein": "a\0b"}, "is no path"),
    ({"protein": "large.pdb"}, "is larger than"),
    ({"protein": "text.pdb"}, "neither PDB nor mmCIF"),
    ({"num_poses": 101}, "at most 100 poses"),
    ({"num_poses": 0}, "num_poses: "),
    ({"smiles": ""}, "give one of ligand"),
    ({"ligand_file": "p.pdb"}, "give one of ligand"),
    ({"pocket_residues": ["A:3; rm"]}, "pocket_residues"),
    ({"pocket_radius": 4.0}, "pocket_radius: needs"),
    ({"rank_by": "gnina"}, "rank_by: must be"),
    ({"rank_by": "cnn"}, "pip install"),
)


def test_limits_and_guards(folder, monkeypatch):
    monkeypatch.setattr(cnn_score, "find_spec", lambda name: None)
    (folder.parent / "secret.pdb").write_text("ATOM")
    (folder / "link.pdb").symlink_to(folder.parent / "secret.pdb")
    (folder / "large.pdb").write_bytes(b" " * (1 << 20))
    (folder / "text.pdb").write_text("hello")

    async def conversation(call):
        for changes, message in REFUSED:
            with pytest.raises(RuntimeError, match=message):
                await call("dock", **{**QUICK, **changes})
        assert await call("jobs") == []

    talk(folder, conversation, max_upload_mb=0.5)


def test_a_full_queue_and_a_cancelled_job(folder):
    async def conversation(call):
        first = await call("dock", **QUICK)
        while (await call("job", job_id=first["id"]))["state"] == "queued":
            await anyio.sleep(0.05)
        await call("dock", **QUICK)
        with pytest.raises(RuntimeError, match="lets no more wait"):
            await call("dock", **QUICK)
        assert (await call("cancel", job_id=first["id"]))["state"] == "cancelled"
        with pytest.raises(RuntimeError, match="no job of that id"):
            await call("job", job_id="0" * 32)

    talk(folder, conversation, slow_engine, max_queue=1)


def test_screens(folder):
    from tests.support.screening import screen, write_library

    screen(folder / "run.sqlite", write_library(folder.parent / "library.smi", 4))

    async def conversation(call):
        status = await call("screen_status", store="run.sqlite")
        best = await call("screen_results", store="run.sqlite", top=2)
        with pytest.raises(RuntimeError, match="results are sorted by"):
            await call("screen_results", store="run.sqlite", sort="1; DROP TABLE ligand")
        with pytest.raises(RuntimeError, match="p.pdb"):
            await call("screen_status", store="p.pdb")
        return status, best

    status, best = talk(folder, conversation)
    assert status["libraries"][0]["records"] == 4
    assert len(best) == 2 and best[0]["smiles"]


def test_a_folder_is_needed(tmp_path):
    with pytest.raises(ConfigError, match="is no folder"):
        create_mcp(settings(tmp_path), tmp_path / "absent")


def test_over_standard_input_and_output(folder):
    """The command, started by the client as an agent's host does; nothing else is printed among the messages."""
    command = mcp.StdioServerParameters(
        command=sys.executable,
        args=["-m", "disco_dock", "mcp", "--root", str(folder)],
        cwd=folder.parent,
        env={"PYTHONPATH": str(ROOT)},
    )

    async def run():
        async with mcp.Client(command) as client:
            tools = (await client.list_tools()).tools
            call = Talk(client)
            job = await call("dock", **{**QUICK, "num_poses": 1})
            return {tool.name for tool in tools}, await call("job", job_id=job["id"], wait_seconds=240)

    names, job = anyio.run(run)
    assert names == TOOLS
    assert job["state"] == "done" and job["complexes"][0]["status"] == "ok", job
