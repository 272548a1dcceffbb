"""Files that a user names: whether they are there, and their hashes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from disco_dock.pipeline.box_file import read_box
from disco_dock.pipeline.request import PredictSettings
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.files import sha256_file


def existing_file(path: Path) -> Path:
    """The path, when a file is there.

    Raises:
        InputError: nothing or a folder is there.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected a file; name one file in it")
    if not path.is_file():
        raise InputError(f"{path}: no such file; check the path")
    return path


def file_hash(path: Path) -> str:
    """SHA-256 of a user's file.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        return sha256_file(existing_file(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def settings_files(settings: PredictSettings) -> dict[str, str]:
    """SHA-256 of each file that the settings name, by what it is.

    Raises:
        InputError: a file cannot be read.
    """
    pocket = settings.pocket
    named = {
        "embeddings": settings.embeddings,
        "pocket_ligand": pocket.ligand if pocket else None,
    }
    hashes = {key: file_hash(Path(path)) for key, path in named.items() if path is not None}
    if pocket is not None and pocket.box is not None:  # the box counts, not the other lines of the file
        box = read_box(Path(pocket.box))
        hashes["pocket_box"] = hashlib.sha256(repr([part.tolist() for part in box]).encode()).hexdigest()
    return hashes
