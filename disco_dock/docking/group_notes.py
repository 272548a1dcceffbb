"""Whether a group that was left out lies where the poses are, so that it may belong to the receptor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from scipy.spatial.distance import cdist

from disco_dock.chem.group_choice import MAY_BE_DOCKED
from disco_dock.chem.ligand import Ligand
from disco_dock.chem.receptor import HeteroGroup, Receptor
from disco_dock.runtime.notes import Caution

NEAR = 6.0  # Angstrom between heavy atoms of a group and a pose


def group_distances(receptor: Receptor, pos: np.ndarray) -> list[float]:
    """Smallest distance (Angstrom) of each group of the receptor to a pose, (atoms, 3) heavy atoms."""
    return [round(float(cdist(group.pos, pos).min()), 1) for group in receptor.context]


def group_notes(receptor: Receptor, ligand: Ligand, pos: np.ndarray) -> Iterator[str]:
    """A warning where drug-like groups were left out by themselves near a pose; none for the docked molecule's own.

    Args:
        receptor: with what became of its groups.
        ligand: that was docked.
        pos: (atoms, 3) heavy atoms of the first-ranked pose in Angstrom.
    """
    docked = _formula([atom.GetSymbol() for atom in ligand.mol.GetAtoms()])
    near = [
        group
        for group, distance in zip(receptor.context, group_distances(receptor, pos), strict=True)
        if not group.kept and MAY_BE_DOCKED in group.why and distance <= NEAR and _formula(group.elements) != docked
    ]
    if near:
        yield Caution(
            f"{_listed(near)} left out, though the first-ranked pose lies within {NEAR:g} Angstrom; if that is a part "
            f"of the receptor, keep it with --keep {near[0].label}"
        )


def _formula(elements: tuple[str, ...] | list[str]) -> Counter[str]:
    symbols = (element.strip().upper() for element in elements)
    return Counter(symbol for symbol in symbols if symbol not in ("H", "D"))


def _listed(groups: list[HeteroGroup]) -> str:
    names = [group.label for group in groups]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} {'was' if len(names) == 1 else 'were'}"
