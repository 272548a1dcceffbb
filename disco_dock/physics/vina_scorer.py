"""Vina scores, minimisation and search of the poses of one ligand in one receptor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, replace
from typing import NamedTuple

import numpy as np
import torch
from rdkit import Chem

from disco_dock.chem.receptor import Receptor
from disco_dock.kernels.compiled import available
from disco_dock.kernels.vina import VECTOR, FieldArrays, HeldArrays, LigandArrays, VinaKernel
from disco_dock.physics.core_hold import CoreHold, Held
from disco_dock.physics.search_settings import Basins, SearchSettings, Sphere
from disco_dock.physics.torch_search import search as torch_search
from disco_dock.physics.vina_cells import EDGE, Cells, list_by_cell
from disco_dock.physics.vina_energy import pose_energies
from disco_dock.physics.vina_ligand import VinaLigand, vina_ligand
from disco_dock.physics.vina_maps import ReceptorMaps, fragment_tree
from disco_dock.physics.vina_receptor import VinaReceptor, vina_receptor
from disco_dock.physics.vina_terms import ACCEPTOR, DONOR, HYDROPHOBIC, VINA

NO_CONTACT = -1e3  # Angstrom: sum of radii of a pair that only fills a vector; it feels nothing


class VinaScores(NamedTuple):
    """Scores of poses in kcal/mol; none of them is an affinity.

    Attributes:
        score: (poses,) the intermolecular energy divided by 1 + 0.05846 rotors, what Vina's score-only mode reports.
        inter: (poses,) energy between ligand and receptor.
        intra: (poses,) energy inside the ligand.
    """

    score: np.ndarray
    inter: np.ndarray
    intra: np.ndarray


class VinaField:
    """A receptor prepared for scoring, shared by all ligands that are docked into it."""

    def __init__(self, receptor: Receptor | VinaReceptor) -> None:
        self.receptor = receptor if isinstance(receptor, VinaReceptor) else vina_receptor(receptor)
        self.cells: Cells = list_by_cell(self.receptor, VINA.cutoff)
        self.maps = ReceptorMaps(int(self.cells.shape.prod()))


class VinaScorer:
    """The energy of one ligand in one receptor.

    Compiled where there is a C compiler, else in torch: the same energies to single precision, more slowly.

    Args:
        field: the receptor.
        ligand: the molecule without explicit hydrogens, or what Vina sees of it.
        compiled: False for torch.
    """

    def __init__(self, field: VinaField, ligand: Chem.Mol | VinaLigand, *, compiled: bool = True) -> None:
        self.field = field
        self.ligand = ligand if isinstance(ligand, VinaLigand) else vina_ligand(ligand)
        self._kernel = _kernel(field.cells, self.ligand) if compiled and available() else None

    def energies(self, pos: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Energies with the receptor and inside the ligand (poses,), and the gradient of their sum (poses, atoms, 3).

        Args:
            pos: (poses, atoms, 3) Angstrom in the receptor's frame.
        """
        if self._kernel is None:
            found = pose_energies(self.field.receptor, self.ligand, torch.from_numpy(np.asarray(pos, dtype=np.float64)))
            return found.inter.numpy(), found.intra.numpy(), found.gradient.numpy()
        energy, gradient = self._kernel.energies(pos - self.field.cells.origin)
        return energy[:, 0], energy[:, 1], gradient

    def score(self, pos: np.ndarray) -> VinaScores:
        """Scores of poses (poses, atoms, 3) in the receptor's frame."""
        inter, intra, _ = self.energies(pos)
        return VinaScores(inter / (1 + VINA.rotor * self.ligand.rotors), inter, intra)

    def search(
        self,
        pos: np.ndarray,
        seeds: Sequence[int],
        settings: SearchSettings,
        sphere: Sphere | None = None,
        core: CoreHold | None = None,
    ) -> np.ndarray:
        """(poses, atoms, 3) the best poses found from each start, never worse than it in energy (and wall).

        A pose depends on its start and its seed only, whatever the other poses and the number of threads.

        Args:
            pos: (poses, atoms, 3) Angstrom in the receptor's frame.
            seeds: (poses,) one of each random stream.
            settings: minimisation only, or Monte-Carlo moves too.
            sphere: where the centroid is held, or None.
            core: atoms that are held too, each pose in the way in which it starts nearest to it; or None.
        """
        if core is None:
            return self._search(pos, seeds, settings, sphere, None)
        found, keys, way = np.array(pos, dtype=np.float64), np.array(seeds, dtype=np.uint64), core.nearest(pos)
        for one in np.unique(way).tolist():
            own = way == one
            found[own] = self._search(found[own], keys[own].tolist(), settings, sphere, core.held(one))
        return found

    def _search(
        self,
        pos: np.ndarray,
        seeds: Sequence[int],
        settings: SearchSettings,
        sphere: Sphere | None,
        held: Held | None,
    ) -> np.ndarray:
        origin = self.field.cells.origin
        start, keys, place = self._arguments(pos, seeds, sphere)
        here = None if held is None else replace(held, pos=held.pos - origin)
        if self._kernel is None:
            receptor = VinaReceptor(self.field.receptor.pos - origin, self.field.receptor.atoms)
            return torch_search(receptor, self.ligand, start, keys, settings, place, here) + origin
        atoms = None
        if here is not None:
            atoms = HeldArrays(
                atoms=here.atoms.astype(np.int32), pos=here.pos, slack=here.slack, stiffness=here.stiffness
            )
        return self._kernel.search(start, keys, astuple(settings), place, atoms)[0] + origin

    def search_basins(
        self,
        pos: np.ndarray,
        seeds: Sequence[int],
        settings: SearchSettings,
        sphere: Sphere | None = None,
        keep: Basins = Basins(),  # noqa: B008 - frozen
    ) -> np.ndarray:
        """(poses, keep.count, atoms, 3) lowest minima found from each start, like `search` but some 20 times faster.

        The search feels the receptor on a lattice; what it finds is minimised with exact pairs. Where there are fewer
        minima the first is repeated. Without compiled kernels, or where the lattice would be too large, it is `search`.
        """
        maps = None if self._kernel is None else self.field.maps.of(self.ligand.atoms)
        if self._kernel is None or maps is None:
            return np.repeat(self.search(pos, seeds, settings, sphere)[:, None], keep.count, axis=1)
        start, keys, place = self._arguments(pos, seeds, sphere)
        lattices, own = maps
        tree = fragment_tree(self.ligand.bonds, self.ligand.moved, own)
        found, _, _ = self._kernel.chains(start, keys, astuple(settings), place, tree, lattices, astuple(keep))
        return found + self.field.cells.origin

    def _arguments(
        self, pos: np.ndarray, seeds: Sequence[int], sphere: Sphere | None
    ) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, float, float]]:
        """Starts and seeds as arrays, and where the centroid is held, in the field's frame."""
        origin = self.field.cells.origin
        place = (np.zeros(3), np.inf, 0.0) if sphere is None else (sphere.center - origin, sphere.radius, sphere.wall)
        return np.asarray(pos, dtype=np.float64) - origin, np.array(seeds, dtype=np.uint64), place


def fresh_minima(minima: np.ndarray) -> np.ndarray:
    """(searches, basins) bool: False where `search_basins` repeated the first of (searches, basins, atoms, 3)."""
    fresh = (minima != minima[:, :1]).any((2, 3))
    fresh[:, 0] = True
    return fresh


def _kernel(cells: Cells, ligand: VinaLigand) -> VinaKernel:
    field = FieldArrays(
        cells=cells.shape,
        edge=EDGE,
        corner=cells.corner,
        start=cells.start,
        pos=cells.pos,
        radius=cells.radius,
        kind=cells.kind,
    )
    terms = astuple(VINA)[:13]  # all but the rotor weight, which no energy holds
    atoms, (i, j) = ligand.atoms, ligand.pairs.T
    missing = -len(i) % VECTOR
    bonding = _donates(atoms.kind[i], atoms.kind[j]) | _donates(atoms.kind[j], atoms.kind[i])
    kind = ((atoms.kind[i] & atoms.kind[j] & HYDROPHOBIC) != 0) + 2 * bonding
    model = LigandArrays(
        radius=atoms.radius,
        kind=atoms.kind,
        pair=np.pad(ligand.pairs.T, ((0, 0), (0, missing))).astype(np.int32),
        pair_radii=np.pad(atoms.radius[i] + atoms.radius[j], (0, missing), constant_values=NO_CONTACT),
        pair_kind=np.pad(kind, (0, missing)).astype(np.int32),
        bonds=ligand.bonds.astype(np.int32),
        moved_start=np.concatenate([[0], np.cumsum(ligand.moved.sum(1))]).astype(np.int32),
        moved=np.nonzero(ligand.moved)[1].astype(np.int32),
    )
    return VinaKernel(terms, field, model)


def _donates(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return ((a & DONOR) != 0) & ((b & ACCEPTOR) != 0)
