"""The compiled AutoDock Vina energy and search: arrays in, arrays out."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from disco_dock.kernels.compiled import load, threads

_INT, _FLOAT, _POINTER = ctypes.c_int32, ctypes.c_float, ctypes.c_void_p
VECTOR = 16
"""Lists are padded to whole vector registers of any length up to this."""


class _Terms(ctypes.Structure):
    _fields_ = tuple((f"term{number}", _FLOAT) for number in range(13))


class _Field(ctypes.Structure):
    _fields_ = (
        ("cells", _INT * 3),
        ("edge", _FLOAT),
        ("origin", _FLOAT * 3),
        *((name, _POINTER) for name in ("start", "x", "y", "z", "radius", "kind")),
    )


class _Ligand(ctypes.Structure):
    _fields_ = (
        *((name, _INT) for name in ("atoms", "torsions", "pairs")),
        *((name, _POINTER) for name in ("radius", "kind", "pair_i", "pair_j", "pair_radii", "pair_kind")),
        *((name, _POINTER) for name in ("bonds", "moved_start", "moved")),
    )


class _Tree(ctypes.Structure):
    _fields_ = (
        ("fragments", _INT),
        *((name, _POINTER) for name in ("parent", "torsion", "start", "atoms", "map")),
    )


class _Maps(ctypes.Structure):
    _fields_ = (
        *((name, _INT) for name in ("types", "steps", "block")),
        *((name, _POINTER) for name in ("radius", "kind", "energy", "filled")),
    )


class _Keep(ctypes.Structure):
    _fields_ = (("basins", _INT), ("apart", _FLOAT), ("window", _FLOAT))


class _Search(ctypes.Structure):
    _fields_ = (
        *((name, _INT) for name in ("moves", "hunt", "polish")),
        *((name, _FLOAT) for name in ("cap", "temperature", "amplitude", "longest", "tolerance")),
        ("centre", _FLOAT * 3),
        *((name, _FLOAT) for name in ("radius", "wall")),
        ("held", _INT),
        *((name, _FLOAT) for name in ("slack", "stiffness")),
        *((name, _POINTER) for name in ("held_atom", "held_at")),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class FieldArrays:
    """Receptor atoms listed by cell; see `vina_energy.h`.

    Attributes:
        cells: (3,) int32.
        edge: Angstrom.
        corner: (3,) float32.
        start: (cells + 1,) int32.
        pos: (3, entries) float32.
        radius: (entries,) float32.
        kind: (entries,) int32.
    """

    cells: np.ndarray
    edge: float
    corner: np.ndarray
    start: np.ndarray
    pos: np.ndarray
    radius: np.ndarray
    kind: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class LigandArrays:
    """A ligand; see `vina_energy.h`.

    Attributes:
        radius: (atoms,) float32.
        kind: (atoms,) int32.
        pair: (2, pairs) int32, padded to whole vectors.
        pair_radii: (pairs,) float32.
        pair_kind: (pairs,) int32.
        bonds: (torsions, 2) int32.
        moved_start: (torsions + 1,) int32.
        moved: int32 atoms.
    """

    radius: np.ndarray
    kind: np.ndarray
    pair: np.ndarray
    pair_radii: np.ndarray
    pair_kind: np.ndarray
    bonds: np.ndarray
    moved_start: np.ndarray
    moved: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldArrays:
    """Atoms that are held near points; see `vina_pose.h`.

    Attributes:
        atoms: (held,) int32.
        pos: (held, 3) float64 in the field's frame, Angstrom.
        slack: Angstrom.
        stiffness: kcal/mol per squared Angstrom.
    """

    atoms: np.ndarray
    pos: np.ndarray
    slack: float
    stiffness: float


@dataclass(frozen=True, kw_only=True, eq=False)
class TreeArrays:
    """A ligand as a tree of rigid fragments; see `vina_lanes.h`.

    Attributes:
        parent: (fragments,) int32; the root is 0, parents come first.
        torsion: (fragments,) int32 that turns each, -1 for the root.
        start: (fragments + 1,) int32 first of each fragment in `atoms`.
        atoms: (atoms,) int32 by fragment.
        map: (atoms,) int32 which of the maps is an atom's.
    """

    parent: np.ndarray
    torsion: np.ndarray
    start: np.ndarray
    atoms: np.ndarray
    map: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class MapArrays:
    """Energies of kinds of atoms on a lattice, filled as they are needed; see `vina_maps.h`.

    Attributes:
        steps: intervals of the lattice along a cell's edge.
        radius: (types,) float32.
        kind: (types,) int32.
        energy: of each type, (cells, (steps + 1) ** 3) float32.
        filled: of each type, (cells,) uint8.
    """

    steps: int
    radius: np.ndarray
    kind: np.ndarray
    energy: Sequence[np.ndarray]
    filled: Sequence[np.ndarray]


class VinaKernel:
    """The energy of a ligand in a receptor.

    Args:
        terms: the thirteen numbers of `Terms` in `vina_energy.h`, in its order.
        field: the receptor.
        ligand: the ligand.
    """

    def __init__(self, terms: Sequence[float], field: FieldArrays, ligand: LigandArrays) -> None:
        self._terms = _Terms(*terms)
        f, m = field, ligand
        self._kept = [np.ascontiguousarray(a) for a in (f.start, *f.pos, f.radius, f.kind)]
        self._field = _Field(
            (_INT * 3)(*f.cells.tolist()), f.edge, (_FLOAT * 3)(*f.corner.tolist()), *map(_at, self._kept)
        )
        own = (m.radius, m.kind, *m.pair, m.pair_radii, m.pair_kind, m.bonds, m.moved_start, m.moved)
        own = [np.ascontiguousarray(a) for a in own]
        self._ligand = _Ligand(len(m.radius), len(m.bonds), m.pair.shape[1], *map(_at, own))
        self._kept += own

    def energies(self, pos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(poses, 2) float64 energies with the receptor and inside the ligand, and (poses, atoms, 3) their gradient.

        Args:
            pos: (poses, atoms, 3) Angstrom in the field's frame.
        """
        pos = np.ascontiguousarray(pos, dtype=np.float32)
        energy, gradient = np.empty((len(pos), 2)), np.empty_like(pos)
        load().disco_vina_score(*self._models(), len(pos), _at(pos), _at(energy), _at(gradient), threads())
        return energy, gradient

    def search(
        self,
        pos: np.ndarray,
        seeds: np.ndarray,
        settings: Sequence[float],
        sphere: tuple[np.ndarray, float, float],
        held: HeldArrays | None = None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(poses, atoms, 3) best poses found, (poses,) their energies, and (poses,) evaluations made.

        Args:
            pos: (poses, atoms, 3) float64 where to start, in the field's frame.
            seeds: (poses,) uint64.
            settings: the eight numbers of `Search` in `vina_search.c` before the sphere, in its order.
            sphere: centre (3,), radius and wall that hold the centroid.
            held: atoms that are held, or None.

        Raises:
            MemoryError: no memory for the work space.
        """
        pos, seeds = np.array(pos, dtype=np.float64, order="C"), np.ascontiguousarray(seeds, dtype=np.uint64)
        energy, count = np.empty(len(pos)), np.empty(len(pos), dtype=np.int64)
        search = _sphere_search(settings, sphere)
        if held is not None:
            kept = (np.ascontiguousarray(held.atoms, np.int32), np.ascontiguousarray(held.pos, np.float64))
            search.held, search.slack, search.stiffness = len(held.atoms), held.slack, held.stiffness
            search.held_atom, search.held_at = map(_at, kept)
        arguments = (ctypes.byref(search), len(pos), _at(seeds), _at(pos), _at(energy), _at(count), threads())
        if load().disco_vina_search(*self._models(), *arguments):
            raise MemoryError("the search could not allocate its work space")
        return pos, energy, count

    def chains(
        self,
        pos: np.ndarray,
        seeds: np.ndarray,
        settings: Sequence[float],
        sphere: tuple[np.ndarray, float, float],
        tree: TreeArrays,
        maps: MapArrays,
        keep: tuple[int, float, float],
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Like `search`, on maps: (poses, basins, atoms, 3) lowest first, (poses, basins) energies, and evaluations.

        The energies are those of exact pairs; where a chain found fewer basins, they are infinite.

        Args:
            pos: as of `search`, as are seeds, settings and sphere.
            seeds: see there.
            settings: see there.
            sphere: see there.
            tree: the ligand.
            maps: the receptor.
            keep: basins of each chain, Angstrom of RMSD between them, and kcal/mol above the lowest that are polished.

        Raises:
            MemoryError: no memory for the work space.
        """
        pos, seeds = np.ascontiguousarray(pos, dtype=np.float64), np.ascontiguousarray(seeds, dtype=np.uint64)
        shape = (len(pos), keep[0])
        found, energy = np.empty((*shape, *pos.shape[1:])), np.empty(shape)
        count = np.empty(len(pos), dtype=np.int64)
        kept = [np.ascontiguousarray(a) for a in (tree.parent, tree.torsion, tree.start, tree.atoms, tree.map)]
        layout = _Tree(len(tree.parent), *map(_at, kept))
        lattices = [(_POINTER * len(maps.energy))(*map(_at, arrays)) for arrays in (maps.energy, maps.filled)]
        kinds = [np.ascontiguousarray(a) for a in (maps.radius, maps.kind)]
        size = maps.energy[0].shape[1]
        places = (ctypes.cast(lattice, _POINTER) for lattice in lattices)
        receptor = _Maps(len(maps.energy), maps.steps, size, *map(_at, kinds), *places)
        arguments = (layout, receptor, _sphere_search(settings, sphere), _Keep(*keep))
        arrays = (_at(seeds), _at(pos), _at(found), _at(energy), _at(count))
        if load().disco_vina_chains(*self._models(), *map(ctypes.byref, arguments), len(pos), *arrays, threads()):
            raise MemoryError("the search could not allocate its work space")
        return found, energy, count

    def _models(self) -> tuple:
        return ctypes.byref(self._terms), ctypes.byref(self._field), ctypes.byref(self._ligand)


def _sphere_search(settings: Sequence[float], sphere: tuple[np.ndarray, float, float]) -> _Search:
    centre, radius, wall = sphere
    return _Search(*map(int, settings[:3]), *settings[3:], (_FLOAT * 3)(*centre.tolist()), radius, wall)


def _at(array: np.ndarray) -> ctypes.c_void_p:
    return _POINTER(array.ctypes.data)
