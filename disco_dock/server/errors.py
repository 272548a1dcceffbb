"""Every error as JSON with one sentence, and the part of the form that it is about."""

from __future__ import annotations

import logging
import re

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from disco_dock.runtime.errors import DiscoError
from disco_dock.server.jobs import QueueFullError, UnknownJobError
from disco_dock.server.options import JobOptions
from disco_dock.server.previews.previewer import BusyError
from disco_dock.server.submission import PARTS, first_error
from disco_dock.server.uploads import TooLargeError

logger = logging.getLogger(__name__)

RETRY = 30  # seconds after which a client may try again when the queue is full
STATUS: dict[type[DiscoError], int] = {TooLargeError: 413, QueueFullError: 429, BusyError: 429, UnknownJobError: 404}
_START = re.compile(r"([a-z_]+)(?:\.\w+)?[:,]")  # "num_poses: ...", "ligand.sdf, molecule 1: ..."
_FILES = {"protein": "protein", "ligand": "ligand", "pocket": "pocket_ligand"}


def field_of(sentence: str) -> str | None:
    """The part of the form that a sentence is about, or None."""
    start = _START.match(sentence)
    if start is None:
        return None
    known = (*PARTS, "smiles", *JobOptions.model_fields)
    return start[1] if start[1] in known else _FILES.get(start[1])


def _problem(sentence: str, status: int, headers: dict[str, str] | None = None) -> JSONResponse:
    field = field_of(sentence)
    return JSONResponse({"detail": sentence, **({} if field is None else {"field": field})}, status, headers)


def add_handlers(app: FastAPI) -> None:
    """Errors as `Problem`."""

    @app.exception_handler(DiscoError)
    async def disco(_: Request, error: DiscoError) -> JSONResponse:
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 422)
        return _problem(str(error), status, {"retry-after": str(RETRY)} if status == 429 else None)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return _problem(first_error(error.errors()), 422)

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
