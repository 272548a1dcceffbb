"""A multipart request to the input files and options of a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from disco_dock.docking.runs.names import safe_name
from disco_dock.runtime.errors import InputError
from disco_dock.server.options import JobOptions
from disco_dock.server.settings import ServeSettings
from disco_dock.server.uploads import inflate, ligand_name, protein_name, shown_name, title_of

PARTS = ("protein", "ligand", "pocket_ligand")
MAX_FIELDS, MAX_FIELD_BYTES, MAX_SMILES = 40, 64 << 10, 4000
BINARY = {"type": "string", "format": "binary"}


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What `JobQueue.submit` takes."""

    files: dict[str, bytes]
    options: JobOptions
    title: str
    protein: str
    ligand: str


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


async def read_submission(request: Request, settings: ServeSettings) -> Submission:
    """The job that a multipart request asks for.

    Raises:
        HTTPException: it is no multipart form, or has too many parts.
        InputError: a part is missing, unknown or of the wrong kind.
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
    return await run_in_threadpool(_submission, contents, fields, settings)


def _submission(
    contents: dict[str, tuple[bytes, str | None]], fields: dict[str, str], settings: ServeSettings
) -> Submission:
    for name in contents:
        if name not in PARTS:
            raise InputError(f"{name}: no file is expected under this name; the files are {', '.join(PARTS)}")
    for name in PARTS:
        if name in fields:
            raise InputError(f"{name}: must be a file of the form, not text; text is never taken for a path")
    if "protein" not in contents:
        raise InputError("protein: missing; add the protein's PDB or mmCIF file to the form")
    smiles = fields.pop("smiles", "").strip()
    if ("ligand" in contents) == bool(smiles):
        raise InputError("give one of ligand (a file) and smiles (text)")
    options = checked_options(fields, settings.max_poses)
    data, given = contents["protein"]
    protein = inflate(data, settings.max_bytes, "protein")
    files, shown = {protein_name(protein): protein}, shown_name(given, "protein")
    if smiles:
        if len(smiles) > MAX_SMILES or "\n" in smiles:
            raise InputError(f"smiles: must be one line of at most {MAX_SMILES} characters")
        files["ligand.smi"], ligand = smiles.encode(), smiles
    else:
        data, given = contents["ligand"]
        molecule = inflate(data, settings.max_bytes, "ligand")
        files[ligand_name(molecule)], ligand = molecule, shown_name(given, "ligand")
    if "pocket_ligand" in contents:
        reference = inflate(contents["pocket_ligand"][0], settings.max_bytes, "pocket_ligand")
        files[ligand_name(reference, "pocket")] = reference
    pocket = next((name for name in files if name.startswith("pocket.")), None)
    options.settings(None if pocket is None else settings.store / pocket)  # raises where options do not fit together
    title = safe_name(options.title) if options.title else title_of([shown] if smiles else [shown, ligand])
    return Submission(files=files, options=options, title=title, protein=shown, ligand=ligand)


def checked_options(fields: dict[str, Any], max_poses: int) -> JobOptions:
    """The options in the fields of a form; an empty field is one that is left out.

    Raises:
        InputError: a field is unknown or has a wrong value.
    """
    try:
        options = JobOptions.model_validate({name: value for name, value in fields.items() if value != ""})
    except ValidationError as error:
        raise InputError(first_error(error.errors())) from error
    if options.num_poses > max_poses:
        raise InputError(f"num_poses: this server makes at most {max_poses} poses, not {options.num_poses}")
    return options


def first_error(errors: Any) -> str:
    """The first of pydantic's errors as a sentence."""
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    if first["type"] == "extra_forbidden":
        return f"{where}: unknown field; the fields are {', '.join((*PARTS, 'smiles', *JobOptions.model_fields))}"
    what = first["msg"][:1].lower() + first["msg"][1:]
    return f"{where}: {what}" if where else what
