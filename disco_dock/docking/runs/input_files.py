"""Files that a user names: existence and hashes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from disco_dock.docking.pocket import is_place
from disco_dock.docking.settings import PredictSettings
from disco_dock.docking.vina_box_file import read_box
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.files import sha256_file
from disco_dock.runtime.user_files import MAX_FILE_BYTES, MIB, open_regular


def existing_file(path: Path) -> Path:
    """The path of an existing file.

    Raises:
        InputError: there is no such file, or it is a folder.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected a file; name one file in it")
    if not path.is_file():
        what = "is a pipe or device, expected a file" if path.exists() else "no such file"
        raise InputError(f"{path}: {what}; check the path")
    return path


def file_hash(path: Path, *, limit: int | None = MAX_FILE_BYTES) -> str:
    """SHA-256 of a user's file.

    Args:
        path: the file.
        limit: most bytes, None for any number.

    Raises:
        InputError: the file cannot be read, or is larger.
    """
    try:
        open_regular(existing_file(path)).close()
        if limit is not None and path.stat().st_size > limit:
            raise InputError(f"{path}: is larger than {limit // MIB} MiB, the most that is read; give a smaller file")
        return sha256_file(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def settings_files(settings: PredictSettings) -> dict[str, str]:
    """SHA-256 of each file that the settings name, by its role.

    Raises:
        InputError: a file cannot be read.
    """
    pocket = settings.pocket
    named = {
        "embeddings": settings.embeddings,
        "pocket_ligand": pocket.ligand if pocket and pocket.ligand and not is_place(pocket.ligand) else None,
        "reference": settings.reference,
        "start_pose": settings.start_pose,
        "core": settings.core,
    }
    hashes = {key: file_hash(Path(path), limit=None) for key, path in named.items() if path is not None}
    if pocket is not None and pocket.box is not None:  # the box counts, not the other lines of the file
        box = read_box(Path(pocket.box))
        hashes["pocket_box"] = hashlib.sha256(repr([part.tolist() for part in box]).encode()).hexdigest()
    return hashes
