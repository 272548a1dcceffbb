"""Steric clashes of a pose with the receptor, its distance from the pocket, and names of latent nodes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from rdkit import Chem
from scipy.spatial import KDTree

from disco_dock.chem.receptor import Receptor

CLASH_FRACTION = 0.75
"""Two heavy atoms clash when closer than this fraction of the sum of their van der Waals radii (RDKit's table): 2.55 A
for C-C, 2.3 A for O-O, so that hydrogen bonds pass. The fraction is the threshold of the protein-ligand distance test
of PoseBusters (Buttenschoen et al. 2024, doi:10.1039/D3SC04185A)."""
METAL_CLASH_DISTANCE = 1.6
"""Angstrom; a metal clashes only when closer than this, since coordination bonds are 1.8 to 2.4 A long."""


class Obstacles(NamedTuple):
    """Heavy atoms of the receptor and its context: positions (atoms, 3) in Angstrom, radii (atoms,), metal flags."""

    pos: np.ndarray
    radii: np.ndarray
    metal: np.ndarray


def vdw_radius(element: str) -> float:
    """Van der Waals radius of an element in Angstrom; 1.7 (carbon) for an unknown symbol."""
    table = Chem.GetPeriodicTable()
    try:
        return table.GetRvdw(element.strip().capitalize())
    except RuntimeError:
        return 1.7


def _radii(elements: tuple[str, ...]) -> np.ndarray:
    known = {element: vdw_radius(element) for element in set(elements)}
    return np.array([known[element] for element in elements], dtype=float)


def obstacles(receptor: Receptor) -> Obstacles:
    """The heavy atoms that a pose must not overlap: the receptor's and those of the groups that are kept."""
    groups = receptor.kept_groups
    elements = tuple(receptor.atom_elements) + tuple(element for group in groups for element in group.elements)
    metal = [False] * len(receptor.atom_elements) + [group.kind == "metal" for group in groups for _ in group.elements]
    pos = np.concatenate([receptor.atom_pos.reshape(-1, 3), *(group.pos.reshape(-1, 3) for group in groups)])
    heavy = np.array([element.strip().upper() not in ("H", "D") for element in elements], dtype=bool)
    return Obstacles(pos[heavy], _radii(elements)[heavy], np.array(metal, dtype=bool)[heavy])


def clash_counts(mol: Chem.Mol, pos: np.ndarray, around: Obstacles) -> np.ndarray:
    """Number of ligand atoms of each pose that overlap at least one atom around it.

    Args:
        mol: ligand of L heavy atoms.
        pos: (poses, L, 3) in Angstrom.
        around: heavy atoms of receptor and context.

    Returns:
        int64 (poses,).
    """
    num_poses, num_atoms, _ = pos.shape
    if len(around.pos) == 0:
        return np.zeros(num_poses, dtype=np.int64)
    radii = _radii(tuple(atom.GetSymbol() for atom in mol.GetAtoms()))
    reach = max(METAL_CLASH_DISTANCE, CLASH_FRACTION * (radii.max() + around.radii.max()))
    tree, ligand_tree = KDTree(around.pos), KDTree(pos.reshape(-1, 3))
    pairs = ligand_tree.sparse_distance_matrix(tree, reach, output_type="ndarray")
    atom, other = pairs["i"], pairs["j"]
    limit = CLASH_FRACTION * (radii[atom % num_atoms] + around.radii[other])
    limit = np.where(around.metal[other], METAL_CLASH_DISTANCE, limit)
    clashing = np.zeros(num_poses * num_atoms, dtype=bool)
    clashing[atom[pairs["v"] < limit]] = True
    return clashing.reshape(num_poses, num_atoms).sum(1)


def centroid_distances(pos: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Distance in Angstrom of the centroid of each pose (poses, L, 3) from a point (3,)."""
    return np.linalg.norm(pos.mean(1) - center, axis=-1)


def atom_label(mol: Chem.Mol, index: int) -> str:
    """Name of a ligand atom: "lig:C5" is the fifth heavy atom in the order of the output, a carbon."""
    return f"lig:{mol.GetAtomWithIdx(index).GetSymbol()}{index + 1}"


def node_labels(mol: Chem.Mol, receptor: Receptor, nodes: np.ndarray) -> tuple[str, ...]:
    """Names of latent nodes: ligand atoms come first, then residues such as "A:ASP189"."""
    num_atoms = mol.GetNumAtoms()
    return tuple(
        atom_label(mol, node) if node < num_atoms else receptor.label(node - num_atoms) for node in map(int, nodes)
    )
