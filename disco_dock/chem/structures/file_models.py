"""The models of a file: an ensemble, of which the first is used, or the parts of an assembly, which are all used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import KDTree

from disco_dock.chem.residue_features import parent_residue
from disco_dock.chem.structures.atom_records import AtomRecord

OVERLAP = 2.5  # Angstrom within which C-alpha atoms of two models stand for the same place
SHARED = 0.05  # share of C-alpha atoms at the same places from which on two models are an ensemble
RIGID = 0.1  # Angstrom RMSD after superposition up to which two models are copies of one molecule


def is_assembly(models: Sequence[Sequence[AtomRecord]]) -> bool:
    """Whether models lie beside each other and are rigid copies, or other chains, rather than views of one molecule.

    Args:
        models: two at least; an ensemble shows in the first two.
    """
    alphas = [_alphas(model) for model in models]
    first = alphas[0]
    if len(first[0]) < 3 or any(not len(pos) for pos, _ in alphas[1:]):
        return False
    before = first[0]
    for pos, names in alphas[1:]:
        distance, _ = KDTree(before).query(pos, distance_upper_bound=OVERLAP)
        if np.isfinite(distance).mean() > SHARED:
            return False
        if names == first[1] and _superposed(first[0], pos) > RIGID:
            return False
        before = np.concatenate([before, pos])
    return True


def _alphas(model: Sequence[AtomRecord]) -> tuple[np.ndarray, list[tuple[str, int]]]:
    found = [one for one in model if one.name == "CA" and parent_residue(one.residue) is not None]
    pos = np.array([one.pos for one in found], dtype=float).reshape(-1, 3)
    return pos, [(one.residue, one.number) for one in found]


def _superposed(first: np.ndarray, second: np.ndarray) -> float:
    """RMSD in Angstrom after superposition (Kabsch)."""
    a, b = first - first.mean(0), second - second.mean(0)
    u, singular, vt = np.linalg.svd(a.T @ b)
    singular[-1] *= np.sign(np.linalg.det(u) * np.linalg.det(vt))
    squared = (a**2).sum() + (b**2).sum() - 2 * singular.sum()
    return float(np.sqrt(max(squared, 0.0) / len(a)))
