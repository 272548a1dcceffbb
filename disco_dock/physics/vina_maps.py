"""Energies of ligand atoms on a lattice in a receptor, and a ligand as the tree of fragments that is searched on it."""

from __future__ import annotations

import numpy as np

from disco_dock.kernels.vina import MapArrays, TreeArrays
from disco_dock.physics.vina_terms import VinaAtoms

STEPS = 10
"""Intervals of the lattice along a cell of 4 Angstrom."""
MOST_KINDS = 31
MOST_FLOATS = 2**29
"""Of all kinds together; memory is used where poses come only."""


class ReceptorMaps:
    """The lattices of a receptor by kind of ligand atom, shared by all ligands that are docked into it.

    Args:
        cells: of the receptor's lists.
    """

    def __init__(self, cells: int) -> None:
        self._cells = cells
        self._known: dict[tuple[float, int], tuple[np.ndarray, np.ndarray]] = {}

    def of(self, ligand: VinaAtoms) -> tuple[MapArrays, np.ndarray] | None:
        """The lattices of a ligand's atoms, and which is that of each; None where there would be too many."""
        kinds = sorted(set(zip(ligand.radius.tolist(), ligand.kind.tolist(), strict=True)))
        block = (STEPS + 1) ** 3
        if len(kinds) > MOST_KINDS or len(kinds) * self._cells * block > MOST_FLOATS:
            return None
        for kind in kinds:
            if kind not in self._known:
                self._known[kind] = np.zeros((self._cells, block), np.float32), np.zeros(self._cells, np.uint8)
        number = {kind: index for index, kind in enumerate(kinds)}
        own = [number[kind] for kind in zip(ligand.radius.tolist(), ligand.kind.tolist(), strict=True)]
        radius, kind = zip(*kinds, strict=True)
        energy, filled = zip(*(self._known[kind] for kind in kinds), strict=True)
        maps = MapArrays(
            steps=STEPS,
            radius=np.array(radius, dtype=np.float32),
            kind=np.array(kind, dtype=np.int32),
            energy=energy,
            filled=filled,
        )
        return maps, np.array(own, dtype=np.int32)


def fragment_tree(bonds: np.ndarray, moved: np.ndarray, own: np.ndarray) -> TreeArrays:
    """The rigid fragments between the torsions of a ligand.

    Args:
        bonds: (torsions, 2) held and moved atom of each.
        moved: (torsions, atoms) bool; of two torsions, the atoms of one are all among those of the other, or none is.
        own: (atoms,) map of each atom.
    """
    order = np.argsort(-moved.sum(1), kind="stable")
    inside = np.concatenate([np.ones((1, moved.shape[1]), dtype=bool), moved[order]])
    fragment = len(order) - inside[::-1].argmax(0)
    parent = np.zeros(len(inside), dtype=np.int32)
    for number in range(1, len(inside)):
        parent[number] = np.flatnonzero(inside[:number, bonds[order[number - 1], 1]])[-1]
    return TreeArrays(
        parent=parent,
        torsion=np.concatenate([[-1], order]).astype(np.int32),
        start=np.concatenate([[0], np.cumsum(np.bincount(fragment, minlength=len(inside)))]).astype(np.int32),
        atoms=np.argsort(fragment, kind="stable").astype(np.int32),
        map=own,
    )
