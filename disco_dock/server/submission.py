"""What a client sent to the input files and options of a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from disco_dock.docking.runs.names import safe_name
from disco_dock.runtime.errors import InputError
from disco_dock.server.options import JobOptions
from disco_dock.server.settings import ServeSettings
from disco_dock.server.uploads import inflate, ligand_name, protein_name, shown_name, title_of

PARTS = ("protein", "ligand", "pocket_ligand")
MAX_SMILES = 4000  # characters


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What `JobQueue.submit` takes."""

    files: dict[str, bytes]
    options: JobOptions
    title: str
    protein: str
    ligand: str


def checked_submission(
    contents: Mapping[str, tuple[bytes, str | None]], fields: dict[str, Any], settings: ServeSettings
) -> Submission:
    """The job of some files and fields.

    Args:
        contents: bytes and given name of each file, by what it is: one of `PARTS`.
        fields: `smiles` and those of `JobOptions`, as text or as their values.
        settings: of the server.

    Raises:
        InputError: a part is missing, unknown or of the wrong kind.
        ConfigError: options do not fit together.
    """
    for name in contents:
        if name not in PARTS:
            raise InputError(f"{name}: no file is expected under this name; the files are {', '.join(PARTS)}")
    for name in PARTS:
        if name in fields:
            raise InputError(f"{name}: must be a file of the form, not text; text is never taken for a path")
    if "protein" not in contents:
        raise InputError("protein: missing; add the protein's PDB or mmCIF file to the form")
    smiles = checked_smiles(fields.pop("smiles", ""))
    if ("ligand" in contents) == bool(smiles):
        raise InputError("give one of ligand (a file) and smiles (text)")
    options = checked_options(fields, settings.max_poses)
    data, given = contents["protein"]
    protein = inflate(data, settings.max_bytes, "protein")
    files, shown = {protein_name(protein): protein}, shown_name(given, "protein")
    if smiles:
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


def checked_smiles(text: str) -> str:
    """A SMILES without blanks around it.

    Raises:
        InputError: it is too long, or of several lines.
    """
    smiles = text.strip()
    if len(smiles) > MAX_SMILES or "\n" in smiles:
        raise InputError(f"smiles: must be one line of at most {MAX_SMILES} characters")
    return smiles


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
