"""The routes of previews."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool

from disco_dock.runtime.errors import InputError
from disco_dock.server.form import BINARY, Parts, read_parts
from disco_dock.server.previews.previewer import Previewer
from disco_dock.server.previews.records import LigandPreview, ProteinPreview
from disco_dock.server.records import problems
from disco_dock.server.settings import ServeSettings
from disco_dock.server.submission import checked_smiles
from disco_dock.server.uploads import inflate

BASE = "/api/v1/preview"


def add_previews(app: FastAPI, previewer: Previewer, settings: ServeSettings) -> None:
    """Add them to an application."""
    tags: list = ["previews"]

    @app.post(
        f"{BASE}/protein",
        tags=tags,
        summary="Chains, residues and groups of a structure file",
        responses=problems(413, 415, 422, 429),
        openapi_extra=_schema({"protein": {**BINARY, "description": "PDB or mmCIF file, also gzipped."}}, ["protein"]),
    )
    async def protein(request: Request) -> ProteinPreview:
        parts = await read_parts(request)
        _check_names(parts, {"protein"}, set())
        if "protein" not in parts.contents:
            raise InputError("protein: missing; add the protein's PDB or mmCIF file to the form")
        content = inflate(parts.contents["protein"][0], settings.max_bytes, "protein")
        return await run_in_threadpool(previewer.protein, content)

    @app.post(
        f"{BASE}/ligand",
        tags=tags,
        summary="Drawings of the molecules of a ligand file or SMILES",
        responses=problems(413, 415, 422, 429),
        openapi_extra=_schema(
            {
                "ligand": {**BINARY, "description": "SDF, MOL2, PDB or SMILES file; or give `smiles`."},
                "smiles": {"type": "string"},
                "template_smiles": {"type": "string", "description": "Bond orders of a PDB ligand."},
                "largest_fragment": {"type": "boolean", "description": "Keep the largest fragment of a salt."},
            }
        ),
    )
    async def ligand(request: Request) -> LigandPreview:
        parts = await read_parts(request)
        _check_names(parts, {"ligand"}, {"smiles", "template_smiles", "largest_fragment"})
        smiles = checked_smiles(parts.fields.get("smiles", ""))
        if ("ligand" in parts.contents) == bool(smiles):
            raise InputError("give one of ligand (a file) and smiles (text)")
        content = smiles.encode() or inflate(parts.contents["ligand"][0], settings.max_bytes, "ligand")
        template = parts.fields.get("template_smiles", "").strip() or None
        largest = parts.fields.get("largest_fragment", "") == "true"
        try:
            return await run_in_threadpool(previewer.ligand, content, template, largest)
        except InputError as error:
            raise InputError(_of_smiles(str(error)) if smiles else str(error)) from error


def _of_smiles(sentence: str) -> str:
    """A sentence about a SMILES, which is a file only to the server."""
    return f"smiles: {re.sub(r'^ligand[.]smi(, molecule 1 [(].*?[)])?: ', '', sentence)}"


def _check_names(parts: Parts, files: set[str], fields: set[str]) -> None:
    for name in (*(set(parts.contents) - files), *(set(parts.fields) - fields)):
        raise InputError(f"{name}: not expected here; the parts are {', '.join(sorted(files | fields))}")


def _schema(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    body = {"type": "object", "properties": properties, "additionalProperties": False, "required": required or []}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": body}}}}
