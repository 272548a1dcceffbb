"""A folder as a few files of limited size, for places that only carry small files, and back."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from disco_dock.runtime.errors import InputError
from disco_dock.runtime.files import sha256_bytes, write_together

PIECE = ".part"


def pack_folder(folder: Path, out: Path, name: str, *, piece_bytes: int) -> list[Path]:
    """Write the files of a folder as ``name.<hash>.<k>of<n>.part``, all or none; older pieces are then removed.

    Raises:
        OSError: the disk is full; the pieces of before are kept.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.endswith(".tmp"):
                archive.add(path, str(path.relative_to(folder)))
    data = buffer.getvalue()
    digest, count = sha256_bytes(data)[:16], max(1, -(-len(data) // piece_bytes))
    pieces = {
        out / f"{name}.{digest}.{k + 1}of{count}{PIECE}": data[k * piece_bytes : (k + 1) * piece_bytes]
        for k in range(count)
    }
    write_together(pieces)
    for old in out.glob(f"{name}.*{PIECE}"):
        if old not in pieces:
            old.unlink()
    return list(pieces)


def unpack_folder(pieces: Path, name: str, folder: Path) -> bool:
    """Put back what `pack_folder` wrote; False when there are no pieces of that name.

    Raises:
        InputError: a piece is missing, or damaged, or belongs to another packing.
    """
    found = sorted(pieces.glob(f"{name}.*{PIECE}"), key=lambda path: int(path.name.split(".")[-2].split("of")[0]))
    if not found:
        return False
    digests = {path.name.split(".")[-3] for path in found}
    count = int(found[0].name.split(".")[-2].split("of")[1])
    data = b"".join(path.read_bytes() for path in found)
    if len(digests) != 1 or len(found) != count or sha256_bytes(data)[:16] != digests.pop():
        raise InputError(f"{pieces}: the pieces of {name} are not one complete set of {count}; copy them all again")
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(folder, filter="data")
    return True
