"""A multipart request to what a client sent."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastapi import HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from disco_dock.runtime.errors import InputError
from disco_dock.server.options import JobOptions
from disco_dock.server.settings import ServeSettings
from disco_dock.server.submission import MAX_SMILES, PARTS, Submission, checked_submission

MAX_FIELDS, MAX_FIELD_BYTES = 40, 64 << 10
BINARY = {"type": "string", "format": "binary"}


def request_schema() -> dict[str, Any]:
    """OpenAPI of the request's body: the files beside the fields of `JobOptions`."""
    schema = JobOptions.model_json_schema()
    properties = {
        "protein": {**BINARY, "description": "PDB or mmCIF file, also gzipped."},
        "ligand": {**BINARY, "description": "SDF, MOL2, PDB or SMILES file, also gzipped; or give `smiles`."},
        "smiles": {"type": "string", "maxLength": MAX_SMILES, "examples": ["CC(=O)Oc1ccccc1C(=O)O"]},
        "pocket_ligand": {**BINARY, "description": "Molecule that sits in the pocket."},
        **schema["properties"],
    }
    body = {"type": "object", "required": ["protein"], "properties": properties, "additionalProperties": False}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": body}}}}


class Parts(NamedTuple):
    """A form: content and given name of each file, and the text of each field."""

    contents: dict[str, tuple[bytes, str | None]]
    fields: dict[str, Any]


async def read_submission(request: Request, settings: ServeSettings) -> Submission:
    """The job that a multipart request asks for.

    Raises:
        HTTPException: it is no multipart form, or has too many parts.
        InputError: a part is missing, unknown or of the wrong kind.
    """
    parts = await read_parts(request)
    return await run_in_threadpool(checked_submission, parts.contents, parts.fields, settings)


async def read_parts(request: Request) -> Parts:
    """The parts of a multipart request.

    Raises:
        HTTPException: it is no multipart form, or has too many parts.
        InputError: a part is given twice.
    """
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        raise HTTPException(415, "send the files as multipart/form-data, with the parts protein and ligand or smiles")
    async with request.form(max_files=len(PARTS), max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES) as form:
        seen = [name for name, _ in form.multi_items()]
        twice = next((name for name in seen if seen.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"{twice}: is given more than once; give it once")
        uploads = {name: part for name, part in form.items() if isinstance(part, UploadFile)}
        contents = {name: (await part.read(), part.filename) for name, part in uploads.items()}
        fields = {name: part for name, part in form.items() if isinstance(part, str)}
    return Parts(contents, fields)
