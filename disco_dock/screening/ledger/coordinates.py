"""Coordinates of poses in few bytes: a grid of 0.001 Angstrom, differences along the molecule, zlib."""

from __future__ import annotations

import hashlib
import zlib

import numpy as np

GRID = 1e-3  # Angstrom; a PDB file has as many digits
DIGEST_BYTES = 8
MAX_BYTES = 64 << 20  # unpacked; a thousand poses of a large ligand take 1.2 MB
_SMALL, _LARGE = b"s", b"l"  # 16-bit or 32-bit differences


def pack(pos: np.ndarray) -> bytes:
    """Compressed coordinates, exact to half of `GRID`.

    Neighbours in a canonical SMILES are mostly bonded, so differences between them are small. High and low bytes are
    stored apart, because the high ones repeat.

    Args:
        pos: (poses, atoms, 3) in Angstrom, finite and below 10^6.
    """
    grid = np.rint(pos / GRID).astype(np.int64)
    steps = np.diff(grid, axis=1)
    small = bool((np.abs(steps) < 2**15).all())
    kind = np.dtype("<i2") if small else np.dtype("<i4")
    planes = steps.astype(kind).reshape(-1, 1).view(np.uint8).T.tobytes()
    body = grid[:, 0].astype("<i4").tobytes() + planes
    return (_SMALL if small else _LARGE) + zlib.compress(body, 9)


def unpack(data: bytes, poses: int, atoms: int) -> np.ndarray:
    """(poses, atoms, 3) float64 in Angstrom, as packed.

    Raises:
        ValueError: the bytes are damaged or of another shape.
    """
    kind = np.dtype("<i2") if data[:1] == _SMALL else np.dtype("<i4")
    count = poses * (atoms - 1) * 3
    size = poses * 12 + count * kind.itemsize
    if not 0 < size <= MAX_BYTES:
        raise ValueError(f"no coordinates of {poses} poses of {atoms} atoms")
    unpacker = zlib.decompressobj()
    try:
        body = unpacker.decompress(data[1:], size + 1)
    except zlib.error as error:
        raise ValueError(f"damaged coordinates ({error})") from error
    if len(body) != size or not unpacker.eof:
        raise ValueError(f"{len(body)} bytes of coordinates do not fit {poses} poses of {atoms} atoms")
    first = np.frombuffer(body, "<i4", poses * 3).reshape(poses, 1, 3)
    planes = np.frombuffer(body, np.uint8, offset=poses * 12).reshape(kind.itemsize, count)
    steps = np.ascontiguousarray(planes.T).view(kind).reshape(poses, atoms - 1, 3)
    return np.concatenate([first.astype(np.int64), steps], axis=1).cumsum(1) * GRID


def digest(pos: np.ndarray) -> bytes:
    """First bytes of the SHA-256 of coordinates, bit for bit: equal for equal runs."""
    return hashlib.sha256(np.ascontiguousarray(pos, dtype="<f8").tobytes()).digest()[:DIGEST_BYTES]
