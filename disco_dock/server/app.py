"""The application: its parts put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from disco_dock.runtime.versions import package_version
from disco_dock.server.errors import add_handlers
from disco_dock.server.guard import Guard
from disco_dock.server.job_routes import add_jobs
from disco_dock.server.jobs import JobQueue
from disco_dock.server.nim.routes import add_nim
from disco_dock.server.page import add_page
from disco_dock.server.previews.previewer import Previewer
from disco_dock.server.previews.routes import add_previews
from disco_dock.server.settings import ServeSettings
from disco_dock.server.worker import Loader

DESCRIPTION = (
    "Docks small molecules into proteins. A job is made by `POST /api/v1/jobs`, watched by `GET /api/v1/jobs/{id}` and "
    "read by its files and its report. Errors are JSON with one sentence under `detail`, and under `field` the part of "
    "the form that it is about."
)


def create_app(settings: ServeSettings, load: Loader | None = None) -> FastAPI:
    """The application of a server; its queue begins to work with the application's lifespan.

    Args:
        settings: of the server.
        load: gives the engine in each docking process; None for the settings' checkpoint.

    Raises:
        ConfigError: the store cannot be used.
    """
    queue = JobQueue(settings, load)
    previewer = Previewer(settings.max_ligands)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        queue.start()
        yield
        previewer.close()
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
    add_handlers(app)
    add_jobs(app, queue)
    add_nim(app, queue)
    add_previews(app, previewer, settings)
    add_page(app)
    return app
