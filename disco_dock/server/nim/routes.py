"""The routes of NVIDIA's DiffDock NIM."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, HTTPException, Request
from starlette.concurrency import run_in_threadpool

from disco_dock.runtime.errors import InputError
from disco_dock.server.jobs import JobQueue
from disco_dock.server.nim.metadata import NimMetadata, NimModels, NimVersion
from disco_dock.server.nim.requests import NimPoses, NimRequest, NimResponse, NimResult, response
from disco_dock.server.records import FINISHED, NIM_POSES, Job, problems
from disco_dock.server.store import OUTPUT

POLL = 0.1  # seconds between two looks at a job that a client waits for
ALIASES = (
    "/v1/molecular-docking/diffdock/generate",
    "/v1/biology/mit/diffdock",
    "/v1/biology/mit/diffdock/generate",
)
"""Where NVIDIA hosts the NIM, and where its clients look for it."""


def add_nim(app: FastAPI, queue: JobQueue) -> None:
    """The interface of NVIDIA's DiffDock NIM."""
    tags: list = ["DiffDock NIM"]

    @app.get("/v1/health/live", tags=tags, summary="Whether the server runs")
    async def live() -> bool:
        return True

    @app.get("/v1/health/ready", tags=tags, summary="Whether the networks are loaded", responses=problems(503))
    async def ready() -> bool:
        if not queue.ready:
            raise HTTPException(503, queue.trouble or "the networks are being loaded; ask again in a few seconds")
        return True

    @app.get("/v1/metadata", tags=tags, summary="Version, model and licence, in the fields of NVIDIA's containers")
    async def metadata() -> NimMetadata:
        return NimMetadata(version=app.version)

    @app.get("/v1/models", tags=tags, summary="The model that is served")
    async def models() -> NimModels:
        return NimModels()

    @app.get("/v1/version", tags=tags, summary="Version of this program and of the interface")
    async def version() -> NimVersion:
        return NimVersion(release=app.version)

    @app.post(ALIASES[0], include_in_schema=False)
    @app.post(ALIASES[1], include_in_schema=False)
    @app.post(ALIASES[2], include_in_schema=False)
    @app.post(
        "/molecular-docking/diffdock/generate",
        tags=tags,
        summary="Dock and wait for the poses",
        responses=problems(413, 422, 429),
    )
    async def generate(sent: NimRequest, request: Request) -> NimResponse:
        asked = sent.checked()
        if asked.num_poses > queue.settings.max_poses:
            raise InputError(f"num_poses: this server makes at most {queue.settings.max_poses} poses")
        if (asked.count or 1) > queue.settings.max_ligands:
            raise InputError(f"ligand: this server docks at most {queue.settings.max_ligands} ligands in one request")
        job = await run_in_threadpool(
            queue.submit,
            asked.files(),
            asked.options(),
            title=f"NIM {asked.ligand_file_type}",
            protein="protein",
            ligand=asked.smiles()[0] if asked.ligand_file_type == "txt" else f"ligand.{asked.ligand_file_type}",
            source="nim",
        )
        while (job := queue.get(job.id)).state not in FINISHED:
            if await request.is_disconnected():  # nobody waits for the poses any more
                queue.cancel(job.id)
                break
            await asyncio.sleep(POLL)
        results = await run_in_threadpool(_results, queue, job, asked)
        count = len(results) if asked.stereo_isomers and len(results) > 1 else asked.count
        return response(sent, count, results)


def _results(queue: JobQueue, job: Job, asked: NimRequest) -> list[NimResult]:
    """The result of every ligand of a job that ended."""
    if job.state != "done":
        sentence = job.error or f"the job is {job.state}"
        return [NimResult.of(None, sentence, None, asked) for _ in range(asked.count or 1)]
    results = []
    for one in job.complexes:
        path = queue.store.path(job.id) / OUTPUT / one.name / NIM_POSES
        poses = NimPoses.model_validate_json(path.read_bytes()) if one.status == "ok" else None
        results.append(NimResult.of(one, "", poses, asked))
    return results
