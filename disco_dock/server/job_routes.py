"""The routes of jobs: the REST API, and reports that were shared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from disco_dock.runtime.errors import InputError
from disco_dock.server.form import read_submission, request_schema
from disco_dock.server.guard import REPORT_POLICY, SHARED
from disco_dock.server.jobs import JobQueue
from disco_dock.server.records import FILES, REPORT, Job, JobView, Limits, problems

Number = Annotated[int, Query(alias="complex", ge=1)]


def add_jobs(app: FastAPI, queue: JobQueue) -> None:
    """The REST API."""
    settings, base = queue.settings, "/api/v1/jobs"
    tags: list = ["jobs"]

    @app.get("/api/v1/limits", tags=tags, summary="What this server accepts and keeps")
    async def limits() -> Limits:
        return Limits(
            version=app.version,
            **{name: getattr(settings, name) for name in Limits.model_fields if hasattr(settings, name)},
            waiting=len(queue.waiting()),
            ready=queue.ready,
            trouble=queue.trouble,
        )

    @app.post(
        base,
        status_code=202,
        tags=tags,
        summary="Dock a ligand into a protein",
        responses=problems(413, 415, 422, 429),
        openapi_extra=request_schema(),
    )
    async def submit(request: Request, answer: Response) -> JobView:
        queue.check_room()
        asked = await read_submission(request, settings)
        job = await run_in_threadpool(
            queue.submit,
            asked.files,
            asked.options,
            title=asked.title,
            protein=asked.protein,
            ligand=asked.ligand,
        )
        answer.headers["location"] = f"{base}/{job.id}"
        return queue.view(job.id)

    @app.get(base, tags=tags, summary="All jobs, the newest first")
    async def jobs() -> list[JobView]:
        return queue.views()

    @app.get(f"{base}/{{job_id}}", tags=tags, summary="A job", responses=problems(404))
    async def job(job_id: str) -> JobView:
        return queue.view(job_id)

    @app.post(f"{base}/{{job_id}}/cancel", tags=tags, summary="Stop a job and keep its record", responses=problems(404))
    async def cancel(job_id: str) -> JobView:
        queue.cancel(job_id)
        return queue.view(job_id)

    @app.delete(
        f"{base}/{{job_id}}", status_code=204, tags=tags, summary="Stop a job and delete it", responses=problems(404)
    )
    async def remove(job_id: str) -> None:
        await run_in_threadpool(queue.remove, job_id)

    @app.get(
        f"{base}/{{job_id}}/files/{{name}}",
        tags=tags,
        summary="A result file",
        description=f"The files are {', '.join(FILES)}; `files` of a complex says which there are.",
        response_class=FileResponse,
        responses=problems(404),
    )
    async def file(job_id: str, name: str, number: Number = 1) -> FileResponse:
        found = queue.get(job_id)
        path = _path(queue, found, number, name)
        policy = {"content-security-policy": REPORT_POLICY} if name == REPORT else None
        return FileResponse(path, media_type=FILES[name], filename=f"{found.title}_{name}", headers=policy)

    @app.get(
        f"{base}/{{job_id}}/report",
        tags=tags,
        summary="The report, a page",
        response_class=FileResponse,
        responses=problems(404),
    )
    async def report(job_id: str, number: Number = 1) -> FileResponse:
        return _report(queue, queue.get(job_id), number)

    @app.post(f"{base}/{{job_id}}/share", tags=tags, summary="Share the reports of a job", responses=problems(404, 422))
    async def share(job_id: str) -> JobView:
        await run_in_threadpool(queue.share, job_id, True)
        return queue.view(job_id)

    @app.delete(f"{base}/{{job_id}}/share", tags=tags, summary="No longer share them", responses=problems(404))
    async def unshare(job_id: str) -> JobView:
        await run_in_threadpool(queue.share, job_id, False)
        return queue.view(job_id)

    @app.get(
        f"{SHARED}{{key}}",
        tags=tags,
        summary="A report that was shared; needs no token",
        response_class=FileResponse,
        responses=problems(404),
    )
    async def shared(key: str, number: Number = 1) -> FileResponse:
        return _report(queue, queue.shared(key), number)


def _report(queue: JobQueue, job: Job, number: int) -> FileResponse:
    path = _path(queue, job, number, REPORT)
    return FileResponse(path, media_type=FILES[REPORT], headers={"content-security-policy": REPORT_POLICY})


def _path(queue: JobQueue, job: Job, number: int, name: str) -> Path:
    try:
        return queue.store.file(job, number, name)
    except InputError as error:
        raise HTTPException(404, str(error)) from error
