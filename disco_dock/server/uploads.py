"""Bytes from a client to files of a job: decompressed within a limit, recognised by content, named by the server."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterable

from disco_dock.docking.runs.names import safe_name
from disco_dock.runtime.errors import InputError
from disco_dock.runtime.user_files import decompressed

HEAD_LINES = 200
MAX_SHOWN = 60  # characters of a client's file name that are shown


class TooLargeError(InputError):
    """A file is larger than the server accepts."""

    code = "too_large"


def inflate(data: bytes, limit: int, what: str) -> bytes:
    """The content of an upload, decompressed when it is gzipped; no more than `limit` bytes are ever made.

    Raises:
        TooLargeError: it is larger than the limit.
        InputError: it is empty or its compression is broken.
    """
    try:
        content = decompressed(io.BytesIO(data), limit)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"{what}: its gzip compression is broken ({error}); upload it again") from error
    if len(content) > limit:
        raise TooLargeError(f"{what}: is larger than {limit / (1 << 20):.3g} MB; this server accepts no more")
    if not content.strip():
        raise InputError(f"{what}: is empty; choose another file")
    return content


def protein_name(content: bytes, what: str = "protein") -> str:
    """The file name that says what a protein's content is.

    Raises:
        InputError: it is neither PDB nor mmCIF.
    """
    lines = _text(content, what).splitlines()
    first = next((line.strip() for line in lines if line.strip() and not line.startswith("#")), "")
    if first.lower().startswith("data_"):
        return "protein.cif"
    if any(line.startswith(("ATOM  ", "HETATM")) for line in lines):
        return "protein.pdb"
    raise InputError(f"{what}: is neither PDB nor mmCIF, it has no ATOM records; upload a structure file")


def ligand_name(content: bytes, stem: str = "ligand") -> str:
    """The file name that says what a ligand's content is: SDF, MOL2, PDB or lines of SMILES.

    Raises:
        InputError: it is not text.
    """
    lines = _text(content, stem).splitlines()[:HEAD_LINES]
    if any(line.startswith("@<TRIPOS>") for line in lines):
        return f"{stem}.mol2"
    if any(line.startswith(("M  END", "M  V30", "$$$$")) or "V2000" in line or "V3000" in line for line in lines):
        return f"{stem}.sdf"
    if any(line.startswith(("ATOM  ", "HETATM")) for line in lines):
        return f"{stem}.pdb"
    return f"{stem}.smi"


def _text(content: bytes, what: str) -> str:
    if b"\0" in content:
        raise InputError(f"{what}: is a binary file, not a structure as text; save it as PDB, mmCIF, SDF or MOL2")
    return content.decode("utf-8", errors="replace")


def shown_name(name: str | None, otherwise: str) -> str:
    """A client's file name for display: its last part, printable, short."""
    last = re.split(r"[\\/]", name or "")[-1]
    text = "".join(character for character in last if character.isprintable()).strip()[:MAX_SHOWN]
    return text or otherwise


def title_of(parts: Iterable[str]) -> str:
    """A job's name from the names of its files."""
    stems = [part.removesuffix(".gz").rsplit(".", 1)[0] for part in parts]
    return safe_name("_".join(stem for stem in stems if stem))
