"""Where a donor's hydrogens can point, from its heavy neighbours alone, and the angle of the bond that they can make.

Receptors mostly come without hydrogens, and those of hydroxyls and ammonium groups turn: so the angle told is the best
that the donor can offer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

BOND = 1.0  # Angstrom from a donor to its hydrogen
TETRAHEDRAL, PLANAR = 70.5, 60.0  # degrees between a hydrogen's direction and the way from the only neighbour
HALF_TETRAHEDRAL = 54.75  # degrees


@dataclass(frozen=True, kw_only=True, eq=False)
class Donor:
    """A donor and its hydrogens.

    Attributes:
        atom: its index.
        directions: (hydrogens, 3) unit vectors to hydrogens that cannot turn.
        axis: unit vector from the only neighbour to the donor where its hydrogens turn around it, else None.
    """

    atom: int
    directions: np.ndarray
    axis: np.ndarray | None = None


def donor(atom: int, place: np.ndarray, bonded: np.ndarray, *, flat: bool, beyond: np.ndarray | None = None) -> Donor:
    """The hydrogens of a donor.

    Args:
        atom: its index.
        place: (3,) its position in Angstrom.
        bonded: (n, 3) positions of its heavy neighbours.
        flat: whether its bonds lie in a plane (sp2).
        beyond: (n, 3) other neighbours of its only neighbour, which set the plane of a flat donor.
    """
    ways = _unit(bonded - place)
    if len(ways) == 0:
        return Donor(atom=atom, directions=np.zeros((0, 3)))
    if len(ways) > 2:  # noqa: PLR2004 - three neighbours leave one direction
        return Donor(atom=atom, directions=_unit(-ways.sum(0))[None])
    if len(ways) == 2:  # noqa: PLR2004
        back = _unit(-ways.sum(0))
        if flat:
            return Donor(atom=atom, directions=back[None])
        up, half = _unit(np.cross(*ways)), np.radians(HALF_TETRAHEDRAL)
        return Donor(
            atom=atom, directions=np.stack([np.cos(half) * back + side * np.sin(half) * up for side in (1, -1)])
        )
    axis = -ways[0]
    if flat and beyond is not None and len(beyond):
        other = beyond[0] - bonded[0]
        across = _unit(other - (other @ axis) * axis)
        turn = np.radians(PLANAR)
        return Donor(
            atom=atom, directions=np.stack([np.cos(turn) * axis + side * np.sin(turn) * across for side in (1, -1)])
        )
    return Donor(atom=atom, directions=np.zeros((0, 3)), axis=axis)


def best_angle(one: Donor, place: np.ndarray, acceptor: np.ndarray) -> float:
    """The largest angle donor-hydrogen-acceptor (degrees) that a donor can offer; 180 where nothing is known of it.

    Args:
        one: the donor.
        place: (3,) its position in Angstrom.
        acceptor: (3,) position of the acceptor.
    """
    way = acceptor - place
    distance = float(np.linalg.norm(way))
    way = way / distance
    if one.axis is not None:
        off = abs(_degrees(float(one.axis @ way)) - TETRAHEDRAL)
    elif len(one.directions):
        off = min(_degrees(float(direction @ way)) for direction in one.directions)
    else:
        return 180.0
    reach = math.sqrt(BOND**2 + distance**2 - 2 * BOND * distance * math.cos(math.radians(off)))
    return _degrees((BOND**2 + reach**2 - distance**2) / (2 * BOND * reach))


def _degrees(cosine: float) -> float:
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
