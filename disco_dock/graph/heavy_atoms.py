"""Heavy atoms of a receptor with its metals and cofactors, for networks that see a pose's surroundings atom by atom."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor

from disco_dock.chem.receptor import Receptor
from disco_dock.chem.structures.named_atoms import named_atoms
from disco_dock.chem.structures.protein_atoms import atom_kind
from disco_dock.runtime.errors import InputError

BOND_LENGTH = 1.95  # Angstrom, longest between heavy atoms of a protein other than a disulfide's
CROWD_RADIUS = 6.0  # Angstrom
MAX_CROWD = 255
SIDE_STEP = 127  # units of a stored component of a side vector


class HeavyAtoms(NamedTuple):
    """Heavy atoms of one receptor, positions in the graph's frame.

    Attributes:
        kind: (atoms,) int64 index into `chem.structures.protein_atoms.KINDS`.
        residue: (atoms,) int64 number of the residue, -1 outside the protein.
        pos: (atoms, 3) float32, Angstrom.
        side: (atoms, 3) float32, mean of the unit vectors from the bonded heavy atoms to the atom: where a lone pair or
            a hydrogen points, long at the end of a chain and short in its middle.
        crowd: (atoms,) int64 number of other heavy atoms within 6 Angstrom, at most 255.
    """

    kind: Tensor
    residue: Tensor
    pos: Tensor
    side: Tensor
    crowd: Tensor

    def near(self, centre: Tensor, radius: float) -> HeavyAtoms:
        """Those within a distance (Angstrom) of any of some points (points, 3)."""
        if not len(self.pos):
            return self
        distance, _ = KDTree(centre.double().numpy()).query(self.pos.double().numpy(), distance_upper_bound=radius)
        return self.take(torch.from_numpy(np.flatnonzero(np.isfinite(distance))))

    def take(self, index: Tensor) -> HeavyAtoms:
        """Some of them."""
        return HeavyAtoms(*(part[index] for part in self))

    def to(self, device: torch.device | str) -> HeavyAtoms:
        """The same on another device."""
        return HeavyAtoms(*(part.to(device) for part in self))


def heavy_atoms(receptor: Receptor, origin: np.ndarray) -> HeavyAtoms:
    """The heavy atoms of a receptor and of the groups that poses feel.

    Args:
        receptor: residues with all their atoms, and groups.
        origin: (3,) of the graph's frame in the file's.

    Raises:
        InputError: the receptor holds C-alpha atoms only.
    """
    atoms = named_atoms(receptor)
    heavy = np.flatnonzero(~atoms.hydrogen)
    residue = np.full(len(atoms.pos), -1, dtype=np.int64)
    residue[: len(receptor.atom_residue)] = receptor.atom_residue
    if int((residue[heavy] >= 0).sum()) <= len(receptor.restype):
        raise InputError(
            f"{receptor.source}: holds C-alpha atoms only, and the pose expert of this checkpoint reads all heavy "
            "atoms; give a full-atom structure or another checkpoint"
        )
    pos = atoms.pos[heavy]
    side, crowd = _surroundings(pos)
    names = [atoms.names[atom] for atom in heavy.tolist()]
    elements = atoms.elements[heavy].tolist()
    kinds = [atom_kind(owner, name, element) for (owner, name), element in zip(names, elements, strict=True)]
    return HeavyAtoms(
        kind=torch.tensor(kinds, dtype=torch.long),
        residue=torch.from_numpy(residue[heavy]),
        pos=torch.from_numpy(pos - origin).float(),
        side=torch.from_numpy(side).float(),
        crowd=torch.from_numpy(crowd),
    )


def _surroundings(pos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Side vectors (atoms, 3) in steps of 1/127, and counts of neighbours (atoms,)."""
    tree = KDTree(pos)
    pairs = tree.query_pairs(CROWD_RADIUS, output_type="ndarray")
    crowd = np.minimum(np.bincount(pairs.reshape(-1), minlength=len(pos)), MAX_CROWD)
    bonded = tree.query_pairs(BOND_LENGTH, output_type="ndarray")
    offset = pos[bonded[:, 1]] - pos[bonded[:, 0]]
    unit = offset / np.linalg.norm(offset, axis=1, keepdims=True).clip(1e-6)
    total, degree = np.zeros_like(pos), np.bincount(bonded.reshape(-1), minlength=len(pos))
    np.add.at(total, bonded[:, 1], unit)
    np.add.at(total, bonded[:, 0], -unit)
    side = np.rint(total / degree.clip(1)[:, None] * SIDE_STEP) / SIDE_STEP
    return side, crowd.astype(np.int64)
