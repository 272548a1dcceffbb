"""The receptor's atoms listed by cell: all that a point of the cell can feel, side by side in memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from disco_dock.kernels.vina import VECTOR
from disco_dock.physics.vina_receptor import VinaReceptor

EDGE = 4.0  # Angstrom of a cell
FAR = 1e6  # Angstrom, where padding atoms stand


class Cells(NamedTuple):
    """Lists of atoms by cubic cell, in the frame of `origin`.

    Attributes:
        origin: (3,) float64 in Angstrom, about the receptor's middle; positions below are relative to it.
        corner: (3,) float32 lowest corner of the cells.
        shape: (3,) int32 numbers of cells.
        start: (cells + 1,) int32 first entry of each cell's list.
        pos: (3, entries) float32.
        radius: (entries,) float32.
        kind: (entries,) int32.
    """

    origin: np.ndarray
    corner: np.ndarray
    shape: np.ndarray
    start: np.ndarray
    pos: np.ndarray
    radius: np.ndarray
    kind: np.ndarray


def list_by_cell(receptor: VinaReceptor, cutoff: float) -> Cells:
    """The lists of a receptor for energies that end at a cutoff (Angstrom)."""
    origin = (receptor.pos.min(0) + receptor.pos.max(0)) / 2
    pos = receptor.pos - origin
    corner = pos.min(0) - cutoff
    shape = np.ceil((pos.max(0) + cutoff - corner) / EDGE).astype(np.int64)
    home = np.floor((pos - corner) / EDGE).astype(np.int64)
    reach = int(np.ceil(cutoff / EDGE))
    steps = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    cells, atoms = [], []
    for step in steps:
        cell = home + step
        low = corner + cell * EDGE
        gap = np.maximum(np.maximum(low - pos, pos - low - EDGE), 0.0)
        near = ((gap**2).sum(1) < cutoff**2) & (cell >= 0).all(1) & (cell < shape).all(1)
        cells.append(np.ravel_multi_index(tuple(cell[near].T), tuple(shape)))
        atoms.append(np.flatnonzero(near))
    cell, atom = np.concatenate(cells), np.concatenate(atoms)
    order = np.lexsort((atom, cell))
    cell, atom = cell[order], atom[order]
    counts = np.bincount(cell, minlength=int(shape.prod()))
    start = np.concatenate([[0], np.cumsum(-(-counts // VECTOR) * VECTOR)])
    place = start[cell] + np.arange(len(cell)) - (np.cumsum(counts) - counts)[cell]
    entries = int(start[-1])
    listed, radius, kind = np.full((3, entries), FAR, np.float32), np.ones(entries, np.float32), np.zeros(entries, "i4")
    listed[:, place], radius[place], kind[place] = pos[atom].T, receptor.atoms.radius[atom], receptor.atoms.kind[atom]
    return Cells(
        origin, corner.astype(np.float32), shape.astype(np.int32), start.astype(np.int32), listed, radius, kind
    )
