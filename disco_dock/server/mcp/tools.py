"""The tools: docking jobs of the same queue, limits and checks as the REST API's, and the stores of screens."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import anyio
from anyio.to_thread import run_sync
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from disco_dock.docking.runs.outputs import RECORD, TABLE
from disco_dock.ranking.pose_scores import rankings
from disco_dock.report.explain import explain_pose
from disco_dock.runtime.errors import DiscoError, InputError
from disco_dock.runtime.versions import package_version
from disco_dock.screening.ledger.query import Query, open_results
from disco_dock.screening.ledger.status import store_status
from disco_dock.server.jobs import JobQueue
from disco_dock.server.mcp.root import Root
from disco_dock.server.records import FINISHED, REPORT
from disco_dock.server.settings import ServeSettings
from disco_dock.server.submission import checked_submission
from disco_dock.server.worker import Loader

POLL = 0.2  # seconds between two looks at a job that a client waits for
MAX_WAIT = 300.0  # seconds
MAX_RESULTS = 100
SHOWN = ("name", "smiles", "status", "vina_score", "confidence", "p_rmsd_under_2", "clash_count", "message")
"""Columns of a screen's results that are told."""
INSTRUCTIONS = (
    "Docks small molecules into proteins. `dock` starts a job and returns its id at once; `job` waits for it; "
    "`explain_pose` says in words what is known of a pose, and `report` where its page with the 3-D view is. Docking "
    "takes from half a minute to some minutes a ligand on a CPU. Scores rank poses; none is a binding affinity."
)

Answer = TypeVar("Answer")


def create_mcp(settings: ServeSettings, root: Path, load: Loader | None = None) -> MCPServer:
    """A server whose queue begins to work when a client connects.

    Args:
        settings: limits, store and checkpoint; host, port and token are not used.
        root: folder whose files tools may read.
        load: gives the engine in each docking process; None for the settings' checkpoint.

    Raises:
        ConfigError: the store cannot be used, or there is no such folder.
    """
    files, queue = Root(root), JobQueue(settings, load)

    @asynccontextmanager
    async def lifespan(_: MCPServer) -> AsyncIterator[None]:
        queue.start()
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await run_sync(queue.close)

    server = MCPServer(
        "disco-dock",
        version=package_version("disco-dock") or "unknown",
        instructions=INSTRUCTIONS,
        lifespan=lifespan,
        log_level="WARNING",
    )
    _add_jobs(server, queue, files)
    _add_screens(server, files)
    return server


async def _in_words(call: Callable[[], Answer]) -> Answer:
    """What a function returns, its errors as a sentence for the client.

    Raises:
        ToolError: the call failed.
    """
    try:
        return await run_sync(call)
    except DiscoError as error:
        raise ToolError(str(error)) from error
    except OSError as error:
        raise ToolError(f"the disk failed ({error.strerror}); check free space and permissions") from error


Job = Annotated[str, Field(description="Id of a job, from `dock` or `jobs`.")]
Complex = Annotated[int, Field(ge=1, description="Number of the ligand in the job's file, from 1.")]


def _add_jobs(server: MCPServer, queue: JobQueue, files: Root) -> None:
    """Docking jobs."""

    @server.tool()
    async def dock(
        protein: Annotated[str, Field(description="PDB or mmCIF file in the server's folder.")],
        smiles: Annotated[str, Field(description="The ligand; or give `ligand_file`.")] = "",
        ligand_file: Annotated[str, Field(description="SDF, MOL2, PDB or SMILES file of one or more ligands.")] = "",
        pocket_ligand: Annotated[str, Field(description="File of a molecule that sits in the pocket.")] = "",
        pocket_residues: Annotated[list[str], Field(description='Such as ["A:57", "A:102"].')] = [],  # noqa: B006
        pocket_center: Annotated[list[float] | None, Field(description="x, y, z in Angstrom.")] = None,
        pocket_radius: float | None = None,
        num_poses: Annotated[int, Field(description="Poses for each ligand.")] = 40,
        seed: Annotated[int, Field(description="The same seed gives the same poses.")] = 0,
        chains: Annotated[list[str], Field(description="Chains of the protein to keep; all when empty.")] = [],  # noqa: B006
        template_smiles: Annotated[str, Field(description="Bond orders of a PDB ligand.")] = "",
        rank_by: Annotated[
            str, Field(description=f"What poses are ranked by, else as the checkpoint says: {', '.join(rankings())}.")
        ] = "",
        title: str = "",
    ) -> dict[str, Any]:
        """Start to dock a ligand into a protein. The whole protein is searched unless a pocket is given."""
        fields = {
            "smiles": smiles,
            "num_poses": num_poses,
            "seed": seed,
            "template_smiles": template_smiles,
            "title": title,
            "rank_by": rank_by,
            "chains": tuple(chains),
            "pocket_residues": tuple(pocket_residues),
            **({} if pocket_center is None else {"pocket_center": tuple(pocket_center)}),
            **({} if pocket_radius is None else {"pocket_radius": pocket_radius}),
        }
        given = {"protein": protein, "ligand": ligand_file, "pocket_ligand": pocket_ligand}

        def start() -> dict[str, Any]:
            queue.check_room()
            limit = queue.settings.max_bytes
            contents = {what: (files.read(name, what, limit), Path(name).name) for what, name in given.items() if name}
            asked = checked_submission(contents, fields, queue.settings)
            job = queue.submit(
                asked.files,
                asked.options,
                title=asked.title,
                protein=asked.protein,
                ligand=asked.ligand,
                source="mcp",
            )
            return _told(queue, job.id)

        return await _in_words(start)

    @server.tool()
    async def job(
        job_id: Job,
        wait_seconds: Annotated[float, Field(ge=0, le=MAX_WAIT, description="Wait so long for its end.")] = 0.0,
    ) -> dict[str, Any]:
        """State of a job: queued, running, done, failed or cancelled; with the best pose of each ligand when done."""
        end = time.monotonic() + wait_seconds
        while True:
            found = await _in_words(partial(_told, queue, job_id))
            if found["state"] in FINISHED or time.monotonic() >= end:
                return found
            await anyio.sleep(POLL)

    @server.tool()
    async def jobs() -> list[dict[str, Any]]:
        """All jobs, the newest first."""
        views = await _in_words(queue.views)
        return [{"id": one.id, "title": one.title, "state": one.state, "ligand": one.ligand} for one in views]

    @server.tool()
    async def cancel(job_id: Job) -> dict[str, Any]:
        """Stop a job and keep its record."""

        def stop() -> dict[str, Any]:
            queue.cancel(job_id)
            return _told(queue, job_id)

        return await _in_words(stop)

    @server.tool()
    async def explain_pose(job_id: Job, rank: int = 1, number: Complex = 1) -> str:
        """What is known of a pose, in sentences: probability, scores, validity, interactions, agreement, warnings."""
        return await _in_words(partial(_explained, queue, job_id, number, rank))

    @server.tool()
    async def report(job_id: Job, number: Complex = 1) -> dict[str, str]:
        """The report of a ligand (a page with the 3-D view, for any browser) and its other files, as links."""
        return await _in_words(partial(_links, queue, job_id, number))


def _add_screens(server: MCPServer, files: Root) -> None:
    """Stores that `disco-dock screen` writes."""

    @server.tool()
    async def screen_status(
        store: Annotated[str, Field(description="Store of `disco-dock screen` (.sqlite) in the server's folder.")],
    ) -> dict[str, Any]:
        """Where a screen stands, also while it runs: counts, failures, ligands per hour, time left."""
        return await _in_words(lambda: asdict(store_status(files.path(store, "store"))))

    @server.tool()
    async def screen_results(
        store: Annotated[str, Field(description="Store of `disco-dock screen` (.sqlite) in the server's folder.")],
        top: Annotated[int, Field(ge=1, le=MAX_RESULTS)] = 10,
        sort: Annotated[str, Field(description="Column to rank by, best first; the usual one when empty.")] = "",
    ) -> list[dict[str, Any]]:
        """The best ligands of a screen. The scores rank poses and ligands roughly; none is a binding affinity."""

        def best() -> list[dict[str, Any]]:
            with open_results(files.path(store, "store")) as results:
                rows = results.rows(Query(sort=sort or None, top=top))
                return [{name: row[name] for name in SHOWN if row[name] not in (None, "")} for row in rows]

        return await _in_words(best)


def _told(queue: JobQueue, job_id: str) -> dict[str, Any]:
    """A job as a client is told of it."""
    view = queue.view(job_id).model_dump(exclude={"options", "source", "report", "created", "started", "attempts"})
    for one in view["complexes"]:
        del one["files"]
    return {name: value for name, value in view.items() if value not in (None, (), "")}


def _links(queue: JobQueue, job_id: str, number: int) -> dict[str, str]:
    """Links of the files of a complex, the report first."""
    job = queue.get(job_id)
    found = next((one for one in job.complexes if one.number == number), None)
    if found is None or not found.files:
        raise InputError(f"ligand {number} of this job has no files (the job is {job.state}); wait for it with `job`")
    names = sorted(found.files, key=lambda name: name != REPORT)
    return {name: queue.store.file(job, number, name).as_uri() for name in names}


def _explained(queue: JobQueue, job_id: str, number: int, rank: int) -> str:
    """A pose in sentences."""
    _links(queue, job_id, number)
    job = queue.get(job_id)
    with queue.store.file(job, number, TABLE).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    record = json.loads(queue.store.file(job, number, RECORD).read_text(encoding="utf-8"))
    return explain_pose(rows, record, rank)
