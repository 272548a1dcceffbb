"""The application: its routes, and every error as JSON with one sentence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException

from disco_dock.runtime.errors import DiscoError, InputError
from disco_dock.runtime.versions import package_version
from disco_dock.server.form import read_submission, request_schema
from disco_dock.server.guard import REPORT_POLICY, Guard
from disco_dock.server.jobs import JobQueue, QueueFullError, UnknownJobError
from disco_dock.server.nim.metadata import NimMetadata, NimModels, NimVersion
from disco_dock.server.nim.requests import NimPoses, NimRequest, NimResponse, NimResult, response
from disco_dock.server.page import add_page
from disco_dock.server.records import FILES, FINISHED, NIM_POSES, REPORT, Job, JobView, Limits, Problem
from disco_dock.server.settings import ServeSettings
from disco_dock.server.store import OUTPUT
from disco_dock.server.submission import first_error
from disco_dock.server.uploads import TooLargeError
from disco_dock.server.worker import Loader

logger = logging.getLogger(__name__)

POLL = 0.1  # seconds between two looks at a job that a client waits for
RETRY = 30  # seconds after which a client may try again when the queue is full
STATUS: dict[type[DiscoError], int] = {TooLargeError: 413, QueueFullError: 429, UnknownJobError: 404}
NIM_ALIASES = (
    "/v1/molecular-docking/diffdock/generate",
    "/v1/biology/mit/diffdock",
    "/v1/biology/mit/diffdock/generate",
)
"""Where NVIDIA hosts the NIM, and where its clients look for it."""
DESCRIPTION = (
    "Docks small molecules into proteins. A job is made by `POST /api/v1/jobs`, watched by `GET /api/v1/jobs/{id}` and "
    "read by its files and its report. Errors are JSON with one sentence under `detail`."
)


def problems(*statuses: int) -> dict[int | str, dict]:
    """OpenAPI of the errors of a route."""
    return {status: {"model": Problem} for status in statuses}


def create_app(settings: ServeSettings, load: Loader | None = None) -> FastAPI:
    """The application of a server; its queue begins to work with the application's lifespan.

    Args:
        settings: of the server.
        load: gives the engine in each docking process; None for the settings' checkpoint.

    Raises:
        ConfigError: the store cannot be used.
    """
    queue = JobQueue(settings, load)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        queue.start()
        yield
        await run_in_threadpool(queue.close)

    version = package_version("disco-dock") or "unknown"
    app = FastAPI(
        title="disco-dock",
        version=version,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.queue = queue
    app.add_middleware(Guard, settings=settings)
    _add_handlers(app)
    _add_jobs(app, queue)
    _add_nim(app, queue)
    add_page(app)
    return app


def _add_handlers(app: FastAPI) -> None:
    """Errors as `Problem`."""

    @app.exception_handler(DiscoError)
    async def disco(_: Request, error: DiscoError) -> JSONResponse:
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 422)
        headers = {"retry-after": str(RETRY)} if status == 429 else None
        return JSONResponse({"detail": str(error)}, status, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"detail": first_error(error.errors())}, 422)

    @app.exception_handler(StarletteHTTPException)
    async def http(request: Request, error: StarletteHTTPException) -> JSONResponse:
        sentence = str(error.detail)
        if error.status_code == 404 and sentence == "Not Found":
            sentence = f"there is nothing at {request.url.path[:200]}; /openapi.json lists what there is"
        return JSONResponse({"detail": sentence}, error.status_code, error.headers)

    @app.exception_handler(OSError)
    async def disk(_: Request, error: OSError) -> JSONResponse:
        logger.error("a request failed: %s", error)
        return JSONResponse({"detail": f"the server's disk failed ({error.strerror}); its owner has to look"}, 507)

    @app.exception_handler(Exception)
    async def bug(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": f"unexpected {type(error).__name__}; the server's log has more"}, 500)


def _add_jobs(app: FastAPI, queue: JobQueue) -> None:
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
    async def file(job_id: str, name: str, number: Annotated[int, Query(alias="complex", ge=1)] = 1) -> FileResponse:
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
    async def report(job_id: str, number: Annotated[int, Query(alias="complex", ge=1)] = 1) -> FileResponse:
        path = _path(queue, queue.get(job_id), number, REPORT)
        return FileResponse(path, media_type=FILES[REPORT], headers={"content-security-policy": REPORT_POLICY})


def _path(queue: JobQueue, job: Job, number: int, name: str):
    try:
        return queue.store.file(job, number, name)
    except InputError as error:
        raise HTTPException(404, str(error)) from error


def _add_nim(app: FastAPI, queue: JobQueue) -> None:
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

    @app.post(NIM_ALIASES[0], include_in_schema=False)
    @app.post(NIM_ALIASES[1], include_in_schema=False)
    @app.post(NIM_ALIASES[2], include_in_schema=False)
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
        results = await run_in_threadpool(_nim_results, queue, job, asked)
        count = len(results) if asked.stereo_isomers and len(results) > 1 else asked.count
        return response(sent, count, results)


def _nim_results(queue: JobQueue, job: Job, asked: NimRequest) -> list[NimResult]:
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
